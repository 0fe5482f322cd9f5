import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import type { BotCgroup } from './cgroup.ts'
import type { BotExit, ProcessCondition } from './core.ts'
import { groupLives, killGroup } from './process-group.ts'

/**
 * Waits for one line on descriptor 3, then becomes the bot. The process number, start time and
 * cgroup that were registered meanwhile stay the same; when the guard dies first, nothing runs.
 */
const gate = 'read -r go <&3 && exec 3<&- && exec "$@"'

const endMsMax = 2_000
const endPollMs = 10
/** Processes of the bot that are looked at in each turn. */
const lookedAtMax = 64

export type BotStart = {
  readonly command: readonly [string, ...string[]]
  readonly environment: NodeJS.ProcessEnv
  /** Called for every piece of output; undefined leaves the output to the terminal. */
  readonly onOutput: (() => void) | undefined
}

/** Finds a program as a shell would; undefined when there is none that may be run. */
export function findProgram(program: string, path: string): string | undefined {
  const places = program.includes('/') ? [''] : path.split(delimiter)
  return places.map((place) => join(place, program)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** The bot, in a session of its own, held at a gate until `release`. */
export class Bot {
  readonly pid: number
  readonly exited: Promise<BotExit>
  readonly #child: ChildProcess
  readonly #cgroup: BotCgroup | null
  readonly #startTicks: string | undefined

  private constructor(child: ChildProcess, pid: number, cgroup: BotCgroup | null) {
    this.#child = child
    this.pid = pid
    this.#cgroup = cgroup
    this.#startTicks = readProcessStat(pid)?.startTicks
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
  }

  /** @returns the bot at its gate, or undefined when no process could be started */
  static spawn(start: BotStart, cgroup: BotCgroup | null): Bot | undefined {
    const output = start.onOutput === undefined ? 'inherit' : 'pipe'
    const child = spawn('/bin/sh', ['-c', gate, 'bulkhead-guard', ...start.command], {
      detached: true,
      env: start.environment,
      stdio: ['inherit', output, output, 'pipe'],
    })
    child.on('error', () => {
      // A process that could not be started has no number.
    })
    if (child.pid === undefined) return undefined
    passOn(child, start.onOutput)
    gateOf(child).on('error', () => {
      // A bot that was killed at its gate does not hear the word.
    })
    return new Bot(child, child.pid, cgroup)
  }

  /** Lets the bot run. */
  release(): void {
    gateOf(this.#child).end('go\n')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** What the kernel says of the bot; one stopped process of a group stops the whole. */
  condition(): ProcessCondition {
    const own = readProcessStat(this.pid)
    if (own === undefined || own.startTicks !== this.#startTicks) return 'gone'
    if (isDead(own.state)) return 'gone'
    const others = this.#cgroup?.pids().slice(0, lookedAtMax) ?? []
    const states = others.map((pid) => readProcessStat(pid)?.state ?? 'X')
    if ([own.state, ...states].some(isStopped)) return 'stopped'
    return this.#cgroup?.isFrozen() === true ? 'frozen' : 'running'
  }

  /**
   * Ends whatever the bot left behind: all of its cgroup, or without one the processes of its
   * group. A child that began a session of its own is reached by the cgroup only.
   *
   * @returns whether all of it is verified gone
   */
  async endLeftovers(): Promise<boolean> {
    const deadlineTickMs = performance.now() + endMsMax
    while (!this.#isEmpty()) {
      if (performance.now() > deadlineTickMs) return false
      if (this.#cgroup === null) killGroup(this.pid)
      else this.#cgroup.kill()
      await sleep(endPollMs)
    }
    return true
  }

  /** Waits until the last output of the bot was passed on, once nothing of it lives any more. */
  async drained(): Promise<void> {
    const { stdout, stderr } = this.#child
    const ends = [stdout, stderr].flatMap((output) => (output === null ? [] : finished(output)))
    await Promise.race([Promise.allSettled(ends), sleep(endMsMax, undefined, { ref: false })])
  }

  #isEmpty(): boolean {
    return this.#cgroup === null ? !groupLives(this.pid) : this.#cgroup.population() === 'empty'
  }
}

const isDead = (state: string) => state === 'Z' || state === 'X'
const isStopped = (state: string) => state === 'T' || state === 't'

function gateOf(child: ChildProcess): Writable {
  const pipe = child.stdio[3]
  assert(pipe !== null && pipe !== undefined && 'write' in pipe, 'the gate is a pipe')
  return pipe
}

/** Output that is watched still reaches the terminal, at the terminal's own pace. */
function passOn(child: ChildProcess, onOutput: (() => void) | undefined): void {
  if (onOutput === undefined) return
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', onOutput)
  child.stdout?.pipe(process.stdout, { end: false })
  child.stderr?.pipe(process.stderr, { end: false })
}
