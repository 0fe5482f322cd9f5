import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A message as it arrived, with the process that the kernel says it came from. */
export type Notification = {
  readonly text: string
  readonly pid: number
  readonly tickMs: number
}

export type NotifySocket = {
  readonly path: string
  readonly received: Notification[]
  readonly texts: () => string[]
  readonly close: () => Promise<void>
}

/**
 * Stands where the service manager listens: a real datagram socket that passes the sender's
 * credentials and answers a barrier by closing what came with it, as sd_notify_barrier(3) asks.
 */
const receiver = `
import array, json, os, socket, struct, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
sock.bind(sys.argv[1])
print('{"listening": true}', flush=True)
while True:
    text, ancillary, _flags, _address = sock.recvmsg(4096, 1024)
    pid = 0
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for handle in array.array('i', data[: len(data) - len(data) % 4]):
                os.close(handle)
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid = struct.unpack('3i', data[:12])[0]
    print(json.dumps({'text': text.decode(), 'pid': pid}), flush=True)
`

export async function openNotifySocket(): Promise<NotifySocket> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-notify-'))
  const path = join(folder, 'notify')
  const received: Notification[] = []
  const process = spawn('python3', ['-c', receiver, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    process.once('exit', (code) => reject(new Error(`the receiver ended with ${code}`)))
    process.once('error', reject)
    createInterface({ input: process.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as { text?: string; pid: number }
      if (message.text === undefined) resolve()
      else if (message.text !== 'BARRIER=1') {
        received.push({ text: message.text, pid: message.pid, tickMs: performance.now() })
      }
    })
  })
  return {
    path,
    received,
    texts: () => received.map(({ text }) => text),
    close: async () => {
      await ended(process)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const gone = new Promise<void>((resolve) => {
    process.once('exit', () => resolve())
  })
  process.kill('SIGKILL')
  await gone
}
