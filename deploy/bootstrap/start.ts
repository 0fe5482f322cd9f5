import '@bulkhead/shared/runtime/runtime-version.ts'
import { parseArgs } from 'node:util'
import { guardedComponentSchema, guardedMax } from '@bulkhead/shared/contracts/components.ts'
import { stackHome } from '@bulkhead/shared/runtime/home.ts'
import { readDeskFile } from './desk-file.ts'
import { basePortDefault, basePortMax, portsFrom } from './ports.ts'
import { startStack } from './stack.ts'

const usage = `usage: npm start [-- options]
  --for SECONDS        stop by itself after this time
  --base-port PORT     first of the six ports used (default ${basePortDefault})
  --webhook URL        where kill alerts are posted
  --desk FILE          instruments and strategies to run in place of the demo
  --watchers 1|2       how many dead-man switches watch (default 1)
  --guard NAME         provision a bot of this name for npx bulkhead guard; repeatable
The home is BULKHEAD_HOME, or .bulkhead in the project.
`

type StartOptions = {
  forMs: number | undefined
  basePort: number
  webhookUrl: string | null
  deskFile: string | undefined
  guarded: readonly string[]
  watchers: 1 | 2
}

/** Reads the command line; a string says what is wrong with it. */
function readOptions(argv: readonly string[]): StartOptions | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        for: { type: 'string' },
        'base-port': { type: 'string' },
        webhook: { type: 'string' },
        desk: { type: 'string' },
        guard: { type: 'string', multiple: true, default: [] },
        watchers: { type: 'string', default: '1' },
      },
    })
    const basePort = Number(values['base-port'] ?? basePortDefault)
    if (!Number.isInteger(basePort) || basePort < 1_024 || basePort > basePortMax) {
      return `--base-port is a whole number from 1024 to ${basePortMax}`
    }
    const seconds = values.for === undefined ? undefined : Number(values.for)
    if (seconds !== undefined && !(seconds > 0 && seconds <= 2_000_000)) {
      return '--for is a number of seconds from above 0 to 2000000'
    }
    if (values.webhook !== undefined && !URL.canParse(values.webhook)) return '--webhook is a URL'
    if (values.watchers !== '1' && values.watchers !== '2') return '--watchers is 1 or 2'
    const guardFault = faultOfGuarded(values.guard)
    if (guardFault !== undefined) return guardFault
    return {
      guarded: values.guard,
      watchers: values.watchers === '2' ? 2 : 1,
      forMs: seconds === undefined ? undefined : seconds * 1_000,
      basePort,
      webhookUrl: values.webhook ?? null,
      deskFile: values.desk,
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function faultOfGuarded(names: readonly string[]): string | undefined {
  if (names.length > guardedMax) return `--guard may stand at most ${guardedMax} times`
  if (new Set(names).size !== names.length) return '--guard names a bot twice'
  for (const name of names) {
    const checked = guardedComponentSchema.safeParse(name)
    if (checked.success) continue
    return `--guard ${JSON.stringify(name)}: lower-case letters, digits and _, at most 32, and no name of a component of the stack`
  }
  return undefined
}

const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${usage}`)
    return 2
  }
  const desk = options.deskFile === undefined ? undefined : readDeskFile(options.deskFile)
  if (desk !== undefined && !desk.ok) {
    for (const { code, path, message } of desk.failure) {
      process.stderr.write(`${code} ${path}: ${message}\n`)
    }
    return 2
  }
  const stopRequested = stopSignal()
  const startedMs = performance.now()
  const stack = await startStack({
    home: stackHome(),
    ports: portsFrom(options.basePort),
    ladderScale: 1,
    webhookUrl: options.webhookUrl,
    ...(desk === undefined ? {} : { desk: desk.value }),
    guarded: options.guarded,
    watchers: options.watchers,
    say,
  })
  if (!stack.ok) {
    process.stderr.write(`${stack.failure.code}: ${stack.failure.message}\n`)
    return 2
  }
  const { dashboard_url: dashboardUrl, guards, home } = stack.value.describe()
  say(
    `\nAll ready after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s. Dashboard: ${dashboardUrl}`,
  )
  say('Stop with Ctrl-C. In another terminal: npx bulkhead status')
  for (const { component } of guards) {
    say(`Guard ${component}: npx bulkhead guard --home ${home} --component ${component} -- COMMAND`)
  }
  if (options.forMs !== undefined) setTimeout(stopRequested.now, options.forMs)
  await stopRequested.promise
  say('\nStopping ...')
  await stack.value.stop()
  say('Stopped.')
  return 0
}

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP, also when it comes while the stack is starting.
 */
function stopSignal(): { promise: Promise<void>; now: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
  return { promise, now: resolve }
}

process.exit(await main())
