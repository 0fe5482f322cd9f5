import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Loaded before the dead-man switch: ends it with SIGKILL at one exact place of an episode, right
 * before or right after the file that begins a phase is in place. CRASH_AT is `before sever`,
 * `after sweep` and the like.
 */
const [side, phase] = (process.env.CRASH_AT ?? '').split(' ')
const rename = fs.renameSync

const beginsPhase = (file) => {
  const { episode } = JSON.parse(fs.readFileSync(file, 'utf8')).state
  const open = episode?.phases.findLast((entry) => entry.outcome === null)
  return open?.phase === phase
}

fs.renameSync = (from, to) => {
  const isHere = String(to).endsWith('/episode.json') && beginsPhase(from)
  if (isHere && side === 'before') process.kill(process.pid, 'SIGKILL')
  rename(from, to)
  if (isHere && side === 'after') process.kill(process.pid, 'SIGKILL')
}
syncBuiltinESMExports()
