import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../kernel/clock.ts'
import { systemClock } from './system-clock.ts'

/** What the service manager put into the environment (sd_notify(3), sd_watchdog_enabled(3)). */
export type ServiceEnvironment = {
  /** Socket that it listens on; undefined when nobody does. */
  readonly socket: string | undefined
  /** Longest silence that it tolerates in milliseconds; null when it keeps no watchdog on us. */
  readonly watchdogMs: number | null
}

/**
 * Reads what concerns this process out of the environment and removes it there, so that no program
 * that this one starts can speak in its name.
 *
 * @param pid a watchdog that is meant for another process is none of ours
 */
export function takeServiceEnvironment(
  environment: Record<string, string | undefined>,
  pid: number,
): ServiceEnvironment {
  const socket = environment['NOTIFY_SOCKET']
  const limitUs = environment['WATCHDOG_USEC'] ?? ''
  const watched = environment['WATCHDOG_PID'] ?? String(pid)
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  const isOurs = /^[1-9]\d{0,15}$/.test(limitUs) && watched === String(pid)
  return {
    socket: socket === '' ? undefined : socket,
    watchdogMs: isOurs ? Number(limitUs) / 1_000 : null,
  }
}

/**
 * Reads one message per line and passes it on. Node cannot send datagrams on a unix socket, and a
 * process started from Node's own loop for every ping would hold that loop up for milliseconds; the
 * shell stays, is small and forks cheaply. `systemd-notify` waits until the manager has taken the
 * message, or the manager could not tell any more which unit it came from.
 */
const helperScript =
  'while read -r message; do if systemd-notify "$message"; then echo sent; else echo failed; fi; done'

/** Where the two programs of the helper are on any host that systemd runs. */
const pathOfHelper = '/usr/bin:/bin'

type Helper = ChildProcessByStdio<Writable, Readable, null>

export type ServiceManagerOptions = ServiceEnvironment & {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Told of the first failure and not again. */
  readonly onFault: (message: string) => void
}

/**
 * Tells the service manager that this process is ready, alive or stopping. Without a service
 * manager every call does nothing. No call waits, throws or queues more than one message of a kind.
 *
 * The watchdog message goes out when the loop says so and never by a timer: a loop that is stuck
 * says nothing, the helper passes nothing on, and the service manager ends the process.
 */
export class ServiceManager {
  readonly #options: ServiceManagerOptions
  #helper: Helper | null = null
  #unanswered = 0
  #lastPetTickMs = Number.NEGATIVE_INFINITY
  #hasFailed = false

  constructor(options: ServiceManagerOptions) {
    this.#options = options
  }

  ready(): void {
    this.#send('READY=1')
  }

  stopping(): void {
    this.#send('STOPPING=1')
  }

  /**
   * Called after completed work. Sends at most one message per third of the tolerated silence, and
   * none while an earlier message is not answered.
   */
  pet(): void {
    const { watchdogMs, clock } = this.#options
    if (watchdogMs === null || this.#unanswered > 0) return
    const tickMs = clock.monotonicMs()
    if (tickMs - this.#lastPetTickMs < watchdogMs / 3) return
    this.#lastPetTickMs = tickMs
    this.#send('WATCHDOG=1')
  }

  #send(message: string): void {
    const { socket } = this.#options
    if (socket === undefined) return
    this.#helper ??= this.#startHelper(socket)
    this.#unanswered += 1
    this.#helper.stdin.write(`${message}\n`)
  }

  #startHelper(socket: string): Helper {
    const helper = spawn('/bin/sh', ['-c', helperScript], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: pathOfHelper, NOTIFY_SOCKET: socket },
    })
    const onEnd = () => {
      if (this.#helper !== helper) return
      this.#helper = null
      this.#unanswered = 0
      this.#fail('the helper that speaks to the service manager ended')
    }
    helper.once('error', onEnd)
    helper.once('exit', onEnd)
    helper.stdin.on('error', onEnd)
    helper.stdout.setEncoding('utf8').on('data', (text: string) => {
      const answers = text.split('\n').filter((line) => line !== '')
      this.#unanswered = Math.max(0, this.#unanswered - answers.length)
      if (answers.includes('failed')) this.#fail('the service manager could not be told')
    })
    // It must not keep alive a process that has nothing else to do; it ends when our pipe does.
    helper.unref()
    // Pipes of a child are sockets, whatever their types say.
    for (const pipe of [helper.stdin, helper.stdout] as unknown[]) (pipe as Socket).unref()
    return helper
  }

  #fail(message: string): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.onFault(message)
  }
}

/** This process's own. A failure goes to standard error, which under systemd is the journal. */
export const serviceManager = new ServiceManager({
  ...takeServiceEnvironment(process.env, process.pid),
  clock: systemClock,
  onFault: (message) => process.stderr.write(`SERVICE_MANAGER_UNREACHABLE ${message}\n`),
})
