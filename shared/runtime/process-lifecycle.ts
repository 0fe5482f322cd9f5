import type { Logger } from './log.ts'
import { serviceManager } from './service-manager.ts'

/** Exit status of a process that stopped on a broken invariant or an unexpected error. */
export const crashExitCode = 70
/** How long an orderly stop may take before the process ends anyway. */
const stopMsMax = 5_000

/**
 * Ties the life of a process to signals: SIGINT and SIGTERM run `stop` once and exit 0; an uncaught
 * error or unhandled rejection is logged and the process exits at once, because its state can no
 * longer be trusted (error class three).
 */
export function runUntilSignalled(log: Logger, stop: () => Promise<void>): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    serviceManager.stopping()
    log.info({ signal }, 'stopping')
    const timer = setTimeout(() => {
      log.error({ stopMsMax }, 'orderly stop took too long')
      process.exit(1)
    }, stopMsMax)
    stop().then(
      () => {
        clearTimeout(timer)
        log.info('stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ err: error }, 'orderly stop failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const crash = (error: unknown) => {
    log.fatal({ err: error }, 'broken invariant: the process ends')
    process.exit(crashExitCode)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

/**
 * Says to whoever started the process that it is ready: one JSON line on standard output, and
 * READY=1 where a service manager listens. `detail` carries what the starter must know, such as the
 * port that the system chose.
 */
export function announceReady(
  component: string,
  detail: Readonly<Record<string, unknown>> = {},
): void {
  process.stdout.write(
    `${JSON.stringify({ ready: true, component, pid: process.pid, ...detail })}\n`,
  )
  serviceManager.ready()
}
