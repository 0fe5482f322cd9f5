import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'

/** A wire to the venue that notes when a request passed; it changes no byte. */
export type Wire = {
  readonly url: string
  /** When a request with this text first passed after a moment, by the host's monotonic clock. */
  readonly firstAfter: (text: string, tickMs: number) => number | undefined
  readonly close: () => void
}

export async function openWire(venuePort: number): Promise<Wire> {
  const passed: { readonly tickMs: number; readonly head: string }[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const venue = createConnection({ port: venuePort, host: '127.0.0.1' })
    for (const socket of [client, venue]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
    }
    client.on('data', (bytes: Buffer) => {
      const head = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
      passed.push({ tickMs: systemClock.monotonicMs(), head })
      venue.write(bytes)
    })
    venue.on('data', (bytes: Buffer) => client.write(bytes))
    client.once('close', () => venue.destroy())
    venue.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    firstAfter: (text, tickMs) =>
      passed.find((each) => each.tickMs >= tickMs && each.head.includes(text))?.tickMs,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
