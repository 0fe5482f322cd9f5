#!/usr/bin/env node
// Works on any Node from 20 on: hands over to the Node that the lockfile pins. Plain JavaScript, because
// an older Node cannot run the TypeScript behind it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const nodeMajorPinned = 24
const unreachable = 3
const root = fileURLToPath(new URL('../../', import.meta.url))
const pinnedNode = `${root}node_modules/.bin/node`

if (!existsSync(pinnedNode) || !existsSync(`${root}node_modules/zod`)) {
  process.stderr.write('Bulkhead is not installed here yet: run `npm start` first.\n')
  process.exitCode = unreachable
} else if (Number(process.versions.node.split('.')[0]) === nodeMajorPinned) {
  await import('./main.ts')
} else {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn(pinnedNode, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = unreachable
  })
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
