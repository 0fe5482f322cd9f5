import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A key of the venue under test. */
export type PaperKey = { readonly clientId: string; readonly clientSecret: string }

/** The paper venue as its own process, on ports that the system chose. */
export type PaperVenueProcess = {
  readonly pid: number
  readonly port: number
  readonly controlPort: number
  readonly httpUrl: string
  readonly wsUrl: string
  readonly controlUrl: string
  /**
   * Keys of the account `desk`: to trade with, for the safety plane, one that may only read, and
   * one that claims to move coins too;
   * `other` is the only key of the account `other`.
   */
  readonly keys: Readonly<Record<'trading' | 'safety' | 'reader' | 'broad' | 'other', PaperKey>>
  /** POST, DELETE or GET on the control port; resolves with the JSON reply. */
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>
  /** Ends the process and removes its files; resolves with the exit code. */
  close(): Promise<number | null>
}

const READY_MS_MAX = 15_000
const mainFile = new URL('../../trading-plane/venues/paper/main.ts', import.meta.url).pathname

/** Starts the real paper venue. `overrides` are merged into its configuration file. */
export async function spawnPaperVenue(
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<PaperVenueProcess> {
  const home = mkdtempSync(join(tmpdir(), 'paper-venue-'))
  const key = (clientId: string): PaperKey => {
    const clientSecret = `secret-of-${clientId}`
    const file = join(home, clientId)
    writeFileSync(file, clientSecret)
    chmodSync(file, 0o400)
    return { clientId, clientSecret }
  }
  const keys = {
    trading: key('trading'),
    safety: key('safety'),
    reader: key('reader'),
    broad: key('broad'),
    other: key('other'),
  }
  const keyConfig = ({ clientId }: PaperKey) => ({
    clientId,
    clientSecretFile: join(home, clientId),
  })
  const config = {
    port: 0,
    controlPort: 0,
    accounts: [
      {
        name: 'desk',
        keys: [
          keyConfig(keys.trading),
          keyConfig(keys.safety),
          { ...keyConfig(keys.reader), scope: 'trade:read' },
          { ...keyConfig(keys.broad), extraScopes: ['wallet:read_write', 'account:read_write'] },
        ],
      },
      { name: 'other', keys: [keyConfig(keys.other)] },
    ],
    logFile: join(home, 'venue.log'),
    ...overrides,
  }
  const configFile = join(home, 'config.json')
  writeFileSync(configFile, JSON.stringify(config))
  const child = spawn(process.execPath, [mainFile, '--config', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
  const close = async (): Promise<number | null> => {
    child.kill('SIGTERM')
    const code = await exited
    rmSync(home, { recursive: true, force: true })
    return code
  }
  const ready = await readyLine(child.stdout, exited).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const { pid = 0 } = child
  return {
    pid,
    ...ready,
    keys,
    close,
    control: async (method, path, body) => {
      const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
      return (await fetch(`${ready.controlUrl}${path}`, init)).json()
    },
  }
}

type Ready = Pick<PaperVenueProcess, 'port' | 'controlPort' | 'httpUrl' | 'wsUrl' | 'controlUrl'>

async function readyLine(
  stdout: NodeJS.ReadableStream,
  exited: Promise<number | null>,
): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<Ready>()
  const timer = setTimeout(() => reject(new Error('the paper venue is not ready')), READY_MS_MAX)
  void exited.then((code) => reject(new Error(`the paper venue ended with ${code}`)))
  createInterface({ input: stdout }).once('line', (line) => resolve(JSON.parse(line) as Ready))
  return promise.finally(() => clearTimeout(timer))
}
