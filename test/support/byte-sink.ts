import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A venue that only counts, with the moment of the last byte that it saw. */
export type ByteSink = {
  readonly port: number
  readonly bytes: () => number
  /** Monotonic milliseconds of the last byte; comparable between processes of a host. */
  readonly lastByteTickMs: () => number
  readonly open: () => number
  readonly resets: () => number
  readonly sockets: ReadonlySet<Socket>
  readonly close: () => Promise<void>
}

/**
 * @param onSocket what to do with a connection besides counting
 * @param allowHalfOpen true leaves it to `onSocket` to end what the other side has ended
 */
export async function startByteSink(
  onSocket: (socket: Socket) => void = () => {},
  allowHalfOpen = false,
): Promise<ByteSink> {
  const sockets = new Set<Socket>()
  let bytes = 0
  let lastByteTickMs = 0
  let resets = 0
  const server = createServer({ allowHalfOpen }, (socket) => {
    sockets.add(socket)
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      lastByteTickMs = Number(process.hrtime.bigint()) / 1e6
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') resets += 1
    })
    socket.once('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => bytes,
    lastByteTickMs: () => lastByteTickMs,
    open: () => sockets.size,
    resets: () => resets,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}
