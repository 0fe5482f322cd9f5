import { spawn } from 'node:child_process'

/** Starts a child in a session of its own, which a kill by process or by group would miss. */
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
  detached: true,
  stdio: 'ignore',
})
child.unref()
process.stdout.write(`${JSON.stringify({ ready: true, component: 'victim', child: child.pid })}\n`)
setInterval(() => {}, 1_000)
