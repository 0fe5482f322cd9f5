import { type AddressInfo, createServer } from 'node:net'

/**
 * A venue in a process of its own: it echoes, or it counts what comes and says, whenever its last
 * connection has gone, at which moment of the host's monotonic clock it saw the last byte.
 * `node far-venue.ts echo|count`, one JSON line each on standard output.
 */
const isEcho = process.argv[2] === 'echo'
let open = 0
let bytes = 0
let lastByteTickMs = 0

const server = createServer({ noDelay: true }, (socket) => {
  open += 1
  socket.on('data', (chunk: Buffer) => {
    if (isEcho) socket.write(chunk)
    bytes += chunk.length
    lastByteTickMs = Number(process.hrtime.bigint()) / 1e6
  })
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    open -= 1
    if (open === 0) say({ bytes, lastByteTickMs })
  })
})
server.listen(0, '127.0.0.1', () => {
  say({ ready: true, port: (server.address() as AddressInfo).port })
})

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
