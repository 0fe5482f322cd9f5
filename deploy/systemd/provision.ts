import '@bulkhead/shared/runtime/runtime-version.ts'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { watcherIds } from '@bulkhead/shared/contracts/components.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import type { Json } from '@bulkhead/shared/kernel/canonical-json.ts'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import * as configs from '../bootstrap/component-configs.ts'
import { type Desk, readDeskFile } from '../bootstrap/desk-file.ts'
import { basePortDefault, portsFrom } from '../bootstrap/ports.ts'
import { initialAdminId, provisionKeys } from '../bootstrap/provision-keys.ts'
import { provisionSafetyRedis } from '../redis/provision.ts'
import {
  fencerSocket,
  safetyCgroup,
  safetyUser,
  systemLayout,
  tradingCgroup,
  tradingUser,
  unitOf,
} from './layout.ts'

const cgroupMount = '/sys/fs/cgroup'

const usage = `usage: node deploy/systemd/provision.ts [--desk FILE] [--watchers 1|2] [--root DIR] [--force]
Writes the secrets that are missing, the configuration of the safety Redis and of every component.
Configurations that are there are kept, unless --force is given.
`

/** Perpetuals only: the names of the recorded options move with the calendar. */
const perpetualDesk: Desk = {
  instruments: ['BTC-PERPETUAL', 'ETH-PERPETUAL'],
  strategies: [
    {
      id: 'example-quoter',
      module: 'trading-plane/strategies/example-quoter.ts',
      params: { instrument: 'BTC-PERPETUAL' },
    },
  ],
  alerts: [],
}

const options = readOptions()
const desk = options.desk === undefined ? perpetualDesk : deskOf(options.desk)
const layout = systemLayout(options.root)
mkdirSync(layout.home, { recursive: true, mode: 0o755 })
const redis = provisionSafetyRedis(layout, portsFrom(basePortDefault).redis)
const keys = provisionKeys(layout)
const ports = portsFrom(basePortDefault)
const venueUrl = `127.0.0.1:${ports.venue}`
const venue = { httpUrl: `http://${venueUrl}`, wsUrl: `ws://${venueUrl}/ws/api/v2` }
const settings: configs.StackSettings = {
  layout,
  redis,
  keys,
  ports,
  ladderScale: 1,
  cgroupMount,
  cgroupOf: (component) => tradingCgroup(unitOf[component] ?? component),
  webhookUrl: null,
  alerts: desk.alerts,
  guarded: [],
  watchers: watcherIds.slice(0, options.watchers),
}
const { trading } = redis.logins
write('start_condition', {
  redis: { socketPath: layout.redisSocket, ...trading },
  watchers: settings.watchers,
})
const tradingUid = uidOf(tradingUser)
const watcherConfigs = settings.watchers.map((id) => {
  const config = configs.deadManSwitchConfig(settings, venue, id)
  return {
    ...config,
    // One user for both, and a folder for each: the second keeps no audit log and seals nothing.
    auditHeadsFile: join(dirname(config.stateDir), 'heads.jsonl'),
    watch: config.watch.map((entry) => ({ ...entry, uid: tradingUid })),
    fencerSocket: fencerSocket(options.root),
  }
})
const watch = watcherConfigs[0]?.watch ?? []
const components: Readonly<Record<string, object>> = {
  paper_venue: configs.paperVenueConfig(settings),
  egress_gate: configs.egressGateConfig(settings, venue),
  ...Object.fromEntries(watcherConfigs.map((config) => [config.component, config])),
  fencer: {
    component: 'fencer',
    logFile: layout.logFile('fencer'),
    socketPath: fencerSocket(options.root),
    clientUid: uidOf(safetyUser),
    cgroupMount,
    targets: watch.map(({ component, cgroup }) => ({ component, cgroup })),
    protectedCgroups: [safetyCgroup],
  },
  control_api: configs.controlApiConfig(settings),
  executor: {
    ...configs.executorConfig(settings, venue, ports.gate, desk),
    // Two users meet at this socket, so its group may ask too.
    livenessSocket: { path: layout.livenessSocket, isForGroup: true },
  },
  orchestrator: configs.orchestratorConfig(settings, desk),
}
for (const [component, config] of Object.entries(components)) {
  write(component, withCredentials(JSON.parse(JSON.stringify(config)) as Json, layout))
}

writeStack()

/**
 * Where everything is, for the command line: `BULKHEAD_HOME` is the folder of the configurations,
 * and the supervisor is systemd.
 */
function writeStack(): void {
  const stack: Stack = {
    home: layout.home,
    environment: 'PAPER',
    build_id: readBuildId(),
    started_wall_ms: Date.now(),
    supervisor_pid: 1,
    supervisor_start_ticks: readProcessStat(1)?.startTicks ?? '0',
    dashboard_url: `http://127.0.0.1:${ports.api}/`,
    redis: {
      socket_path: layout.redisSocket,
      port: ports.redis,
      auditor_password_file: redis.logins.auditor.passwordFile,
      operator_password_file: redis.logins.operator.passwordFile,
    },
    venue: {
      http_url: venue.httpUrl,
      ws_url: venue.wsUrl,
      control_url: `http://127.0.0.1:${ports.venueControl}`,
      control_token_file: keys.venueControlTokenFile,
    },
    operator: { operator_id: initialAdminId, key_version: 1, key_file: keys.adminKeyFile },
    last_resort: {
      look: [
        '/usr/bin/env',
        `CREDENTIALS_DIRECTORY=${layout.secretsDir}`,
        '/opt/bulkhead/node_modules/.bin/node',
        '/opt/bulkhead/safety-plane/last-resort/main.ts',
        '--config',
        layout.configFile('dead_man_switch'),
        '--look',
      ],
      // The unit gets the key as a credential and keeps its entries as its own user.
      cancel: ['systemctl', 'start', 'bulkhead-lastresort.service'],
    },
    components: [],
    guards: [],
  }
  replaceFileDurably(layout.stackFile, `${JSON.stringify(stack, null, 2)}\n`)
  process.stdout.write(`written  ${layout.stackFile}\n`)
}

function deskOf(file: string): Desk {
  const read = readDeskFile(file)
  if (read.ok) return read.value
  for (const { code, path, message } of read.failure) {
    process.stderr.write(`${code} ${path}: ${message}\n`)
  }
  process.exit(2)
}

type Options = {
  readonly root: string
  readonly force: boolean
  readonly desk: string | undefined
  /** How many dead-man switches the desk has. */
  readonly watchers: 1 | 2
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        root: { type: 'string' },
        force: { type: 'boolean' },
        desk: { type: 'string' },
        watchers: { type: 'string', default: '1' },
      },
    })
    const { root = '', force = false, desk: file, watchers } = values
    if (watchers !== '1' && watchers !== '2') throw new Error('--watchers is 1 or 2')
    return { root, force, desk: file, watchers: watchers === '2' ? 2 : 1 }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
}

/** A configuration holds no secret, so everybody may read it. */
function write(component: string, config: unknown): void {
  const file = layout.configFile(component)
  if (existsSync(file) && !options.force) {
    process.stdout.write(`kept     ${file}\n`)
    return
  }
  configs.writeConfig(layout, component, config)
  chmodSync(file, 0o644)
  process.stdout.write(`written  ${file}\n`)
}

/** Names every secret by the credential as which the unit gets it: the name of its file. */
function withCredentials(value: Json, { secretsDir }: HomeLayout): Json {
  if (typeof value === 'string') {
    const prefix = `${secretsDir}/`
    return value.startsWith(prefix) ? `$CREDENTIALS_DIRECTORY/${value.slice(prefix.length)}` : value
  }
  if (Array.isArray(value)) return value.map((member) => withCredentials(member, layout))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withCredentials(member, layout)]),
  )
}

/** Numeric id of a user that systemd-sysusers made. */
function uidOf(user: string): number {
  const file = join(options.root, '/etc/passwd')
  const line = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .find((entry) => entry.startsWith(`${user}:`))
    : undefined
  const uid = line?.split(':')[2]
  if (uid !== undefined && /^\d+$/.test(uid)) return Number(uid)
  process.stderr.write(`USER_MISSING ${user}: run systemd-sysusers first, as the page says.\n`)
  process.exit(2)
}
