import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { realtime, realtimeLauncher } from '../../../deploy/bootstrap/realtime.ts'

/** Policy and priority of its first thread, of its others, of a process that it starts; limits. */
const script = `
const { readFileSync, readdirSync } = require('node:fs')
const { execFileSync } = require('node:child_process')
const fields = (text) => text.slice(text.lastIndexOf(')') + 2).split(' ').slice(37, 39).join()
const own = String(process.pid)
const statOf = (thread) => fields(readFileSync('/proc/self/task/' + thread + '/stat', 'utf8'))
const threads = readdirSync('/proc/self/task').filter((thread) => thread !== own)
const child = execFileSync('cat', ['/proc/self/stat'], { encoding: 'utf8' })
const limits = readFileSync('/proc/self/limits', 'utf8')
console.log(JSON.stringify({
  own: fields(readFileSync('/proc/self/stat', 'utf8')),
  others: [...new Set(threads.map(statOf))],
  child: fields(child),
  spinUs: /Max realtime timeout +(\\S+)/.exec(limits)[1],
}))
`

test('the dead-man switch is ahead of all, alone and bounded, where the host permits it', () => {
  const [program, ...args] = [...realtimeLauncher(), process.execPath, '-e', script]
  const run = spawnSync(program, args, { encoding: 'utf8' })
  const isPermitted = realtimeLauncher().length > 0
  expect(JSON.parse(run.stdout)).toEqual({
    own: isPermitted ? `${realtime.priority},1` : '0,0',
    others: ['0,0'],
    child: '0,0',
    spinUs: isPermitted ? String(realtime.spinUsMax) : 'unlimited',
  })
})
