import { connect, type Socket } from 'node:net'

/**
 * An executor that has gone mad: it keeps tunnels through the egress gate full, and opens the next
 * one as soon as one ends.
 *
 * `node tunnel-flooder.ts GATE_PORT VENUE_PORT TUNNELS MEMORY_MB BYTES [EVERY_MS]`: BYTES are
 * written at a time, as fast as they are taken, or ten times every EVERY_MS.
 */
const [gatePort = 0, venuePort = 0, tunnels = 1, memoryMb = 0, bytes = 1, everyMs = 0] =
  process.argv.slice(2).map(Number)

const burst = 10
const ballast = Buffer.alloc(memoryMb * 1_048_576, 1)
const chunk = Buffer.alloc(bytes, 2)

function open(): void {
  const socket = connect({ port: gatePort, host: '127.0.0.1', noDelay: true })
  let timer: NodeJS.Timeout | undefined
  socket.write(`CONNECT 127.0.0.1:${venuePort} HTTP/1.1\r\n\r\n`)
  socket.once('data', (head: Buffer) => {
    if (!head.toString('latin1').startsWith('HTTP/1.1 200 ')) return
    if (everyMs === 0) flood(socket)
    else timer = setInterval(() => send(socket), everyMs)
  })
  socket.on('error', () => socket.destroy())
  // A little pause keeps a refused flooder from taking the processor away from everybody.
  socket.once('close', () => {
    clearInterval(timer)
    setTimeout(open, 5)
  })
}

function flood(socket: Socket): void {
  const fill = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', fill)
  fill()
}

function send(socket: Socket): void {
  for (let at = 0; at < burst && !socket.destroyed; at += 1) socket.write(chunk)
}

for (let at = 0; at < tunnels; at += 1) open()
process.stdout.write(`{"ready":true,"ballast":${ballast.length}}\n`)
