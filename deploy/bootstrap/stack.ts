import { hash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { watcherIds } from '@bulkhead/shared/contracts/components.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { type HomeLayout, homeLayout, projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { provisionSafetyRedis } from '../redis/provision.ts'
import { isArmed } from './armed.ts'
import { type CgroupTree, createCgroupTree } from './cgroups.ts'
import type { Child, ChildFault, ChildSpec } from './child.ts'
import * as configs from './component-configs.ts'
import { demoDesk, type Desk } from './desk-file.ts'
import {
  type Component,
  entryPoints,
  guardEntryPoint,
  lastResortEntryPoint,
  nodeOptions,
} from './entry-points.ts'
import { type HomeLock, lockHome } from './home-lock.ts'
import { clearLeftovers } from './leftovers.ts'
import { portsInUse, type StackPorts } from './ports.ts'
import { initialAdminId, provisionKeys } from './provision-keys.ts'
import { realtimeLauncher } from './realtime.ts'
import { type RestartPolicy, Supervisor } from './supervisor.ts'

export type StackOptions = {
  readonly home: string
  readonly ports: StackPorts
  /** 1 for the documented ladder; 0.1 for a fast drill. */
  readonly ladderScale: number
  readonly webhookUrl: string | null
  /** What to trade; the demo by default. */
  readonly desk?: Desk
  /** Names of the bots that `bulkhead guard` may wrap; each gets keys, a cgroup and a watch. */
  readonly guarded: readonly string[]
  /** How many dead-man switches watch; one by default. */
  readonly watchers?: 1 | 2
  /** Told one line per step. */
  readonly say: (line: string) => void
}

export const stackFaultCodes = [
  'HOME_UNWRITABLE',
  'HOME_IN_USE',
  'HOME_PATH_TOO_LONG',
  'PORT_IN_USE',
  'REDIS_NOT_READY',
  'CHILD_NOT_READY',
  'CHILD_EXITED',
] as const
export type StackFault = {
  readonly code: (typeof stackFaultCodes)[number]
  readonly message: string
}

export type RunningStack = {
  readonly layout: HomeLayout
  readonly describe: () => Stack
  readonly child: (component: string) => Child | undefined
  /** Kills these at once and does not bring them back until they are restored. */
  readonly cut: (components: readonly string[]) => Promise<void>
  readonly restore: (components: readonly string[]) => Promise<void>
  readonly stop: () => Promise<void>
}

const readyMsMax = 30_000
const redisReadyMsMax = 10_000
const restartDelayMs = 500
/**
 * Longer than the safety plane bears that nobody listens there: a server that died always stops the
 * desk, and comes back only so that an ADMIN can reset (decision D-09).
 */
const redisRestartDelayMs = 2_500
/** Trading stops first, the safety plane outlives it, Redis ends last. */
const stopOrder = [
  ['executor', 'orchestrator'],
  ['control_api'],
  ['dead_man_switch', 'dead_man_switch_2', 'egress_gate'],
  ['paper_venue'],
  ['redis'],
] as const

/**
 * Brings a whole stack up on the paper venue: provisions what is missing below the home, starts
 * every process in order and waits until each is ready. On a fault everything that was started is
 * stopped.
 */
export async function startStack(options: StackOptions): Promise<Result<RunningStack, StackFault>> {
  const layout = homeLayout(options.home)
  const lock = lockHome(layout)
  if (!lock.ok) {
    return lock.failure.code === 'HOME_IN_USE'
      ? fail({
          code: 'HOME_IN_USE',
          message: `a stack is already running on ${options.home} (pid ${lock.failure.pid})`,
        })
      : fail({ code: 'HOME_UNWRITABLE', message: `${options.home}: ${lock.failure.message}` })
  }
  await clearLeftovers(lock.value, options.say)
  const busy = await portsInUse(options.ports)
  if (busy.length > 0) {
    lock.value.release()
    const list = busy.map((name) => `${options.ports[name]} (${name})`).join(', ')
    return fail({ code: 'PORT_IN_USE', message: `${list}; choose others with --base-port` })
  }
  let starter: StackStarter
  try {
    starter = new StackStarter(options, layout, lock.value)
  } catch (error) {
    lock.value.release()
    const message = error instanceof Error ? error.message : String(error)
    const isTooLong = message.startsWith('HOME_PATH_TOO_LONG')
    return fail({ code: isTooLong ? 'HOME_PATH_TOO_LONG' : 'HOME_UNWRITABLE', message })
  }
  const fault = await starter.startAll()
  if (fault === undefined) return ok(starter.running())
  await starter.stopAll()
  return fail(fault)
}

class StackStarter {
  readonly #options: StackOptions
  readonly #layout: HomeLayout
  readonly #lock: HomeLock
  readonly #cgroups: CgroupTree | undefined
  readonly #settings: configs.StackSettings
  readonly #redisConfigFile: string
  readonly #auditor: RedisLink
  readonly #supervisor: Supervisor
  readonly #startedWallMs = Date.now()
  #described: Stack | undefined

  constructor(options: StackOptions, layout: HomeLayout, lock: HomeLock) {
    this.#options = options
    this.#layout = layout
    this.#lock = lock
    const redis = provisionSafetyRedis(layout, options.ports.redis, options.guarded)
    const keys = provisionKeys(layout)
    const { ledgerDir, auditDir, safetyStateDir, gateStateDir } = layout
    for (const directory of [ledgerDir, auditDir, safetyStateDir, gateStateDir]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    }
    this.#cgroups = createCgroupTree(`bulkhead-${hash('sha256', layout.home).slice(0, 10)}`)
    this.#redisConfigFile = redis.configFile
    this.#settings = {
      layout,
      redis,
      keys,
      ports: options.ports,
      ladderScale: options.ladderScale,
      cgroupMount: this.#cgroups?.mount ?? null,
      cgroupOf: (component) => this.#cgroups?.groupOf(component) ?? null,
      webhookUrl: options.webhookUrl,
      alerts: options.desk?.alerts ?? [],
      guarded: options.guarded,
      watchers: watcherIds.slice(0, options.watchers ?? 1),
    }
    const login = redis.logins.auditor
    const { password } = readSecretsOrExit({ password: login.passwordFile })
    const linkConfig = redisLinkSchema.parse({ socketPath: layout.redisSocket, ...login })
    this.#auditor = new RedisLink(linkConfig, password, 'supervisor')
    this.#supervisor = new Supervisor({
      cgroups: this.#cgroups,
      say: options.say,
      isArmed: () => isArmed(this.#auditor, this.#settings.watchers),
      onChange: (children) => this.#recordChildren(children),
    })
  }

  /** Starts everything in order; returns the first fault. */
  async startAll(): Promise<StackFault | undefined> {
    const redisFault = await this.#startRedis()
    if (redisFault !== undefined) return redisFault
    const { layout } = this.#settings
    const venueConfig = configs.paperVenueConfig(this.#settings)
    configs.writeConfig(layout, 'paper_venue', venueConfig)
    configs.writeConfig(layout, 'control_api', configs.controlApiConfig(this.#settings))
    const [venue, control] = await Promise.all([
      this.#start('paper_venue', 'always'),
      this.#start('control_api', 'always'),
    ])
    if (!venue.ok) return faultOf(venue.failure)
    if (!control.ok) return faultOf(control.failure)
    const urls = this.#fixPorts(venue.value, control.value, venueConfig)
    for (const id of this.#settings.watchers) {
      configs.writeConfig(layout, id, configs.deadManSwitchConfig(this.#settings, urls, id))
    }
    const desk = this.#options.desk ?? demoDesk(busiestRecorded(venue.value))
    const gate = await this.#startGate(urls)
    if (!gate.ok) return faultOf(gate.failure)
    configs.writeConfig(
      layout,
      'executor',
      configs.executorConfig(this.#settings, urls, gate.value, desk),
    )
    configs.writeConfig(layout, 'orchestrator', configs.orchestratorConfig(this.#settings, desk))
    for (const component of this.#settings.guarded) {
      configs.writeConfig(layout, component, configs.guardConfig(this.#settings, component))
    }
    const started = await Promise.all([
      ...this.#settings.watchers.map((id) => this.#start(id, 'always')),
      this.#start('executor', 'while_armed'),
    ])
    const failed = started.find(({ ok: isUp }) => !isUp)
    if (failed !== undefined && !failed.ok) return faultOf(failed.failure)
    const orchestrator = await this.#start('orchestrator', 'while_armed')
    if (!orchestrator.ok) return faultOf(orchestrator.failure)
    this.#recordChildren(this.#supervisor.children)
    return undefined
  }

  running(): RunningStack {
    return {
      layout: this.#layout,
      describe: () => this.#describe(),
      child: (component) => this.#supervisor.child(component),
      cut: (components) => this.#supervisor.cut(components),
      restore: (components) => this.#supervisor.restore(components),
      stop: () => this.stopAll(),
    }
  }

  async stopAll(): Promise<void> {
    await this.#supervisor.stop(stopOrder)
    this.#auditor.close()
    this.#cgroups?.remove()
    rmSync(this.#layout.stackFile, { force: true })
    rmSync(this.#layout.runDir, { recursive: true, force: true })
    this.#lock.release()
  }

  async #startRedis(): Promise<StackFault | undefined> {
    const spec: ChildSpec = {
      component: 'redis',
      argv: ['redis-server', this.#redisConfigFile],
      errorLogFile: this.#layout.logFile('redis.err'),
      announces: false,
      readyMsMax: redisReadyMsMax,
      restartDelayMs: redisRestartDelayMs,
    }
    const started = await this.#supervisor.start(spec, 'always')
    if (!started.ok) return faultOf(started.failure)
    this.#auditor.open()
    if (!(await this.#auditor.waitUntilReady(redisReadyMsMax))) {
      return { code: 'REDIS_NOT_READY', message: `see ${this.#layout.logFile('redis')}` }
    }
    this.#options.say(`${'redis'.padEnd(16)} ready, pid ${started.value.pid}`)
    return undefined
  }

  /** Before whoever goes through it; on the same port after a restart. @returns the port */
  async #startGate(urls: configs.VenueUrls): Promise<Result<number, ChildFault>> {
    const { layout } = this.#settings
    const config = configs.egressGateConfig(this.#settings, urls)
    configs.writeConfig(layout, 'egress_gate', config)
    const gate = await this.#start('egress_gate', 'always')
    if (!gate.ok) return gate
    const port = Number(gate.value.detail['port'])
    configs.writeConfig(layout, 'egress_gate', { ...config, port })
    return ok(port)
  }

  async #start(component: Component, policy: RestartPolicy): Promise<Result<Child, ChildFault>> {
    const spec: ChildSpec = {
      component,
      argv: [
        ...(component === 'dead_man_switch' ? realtimeLauncher() : []),
        process.execPath,
        ...(nodeOptions[component] ?? []),
        join(projectRoot, entryPoints[component]),
        '--config',
        this.#layout.configFile(component),
      ],
      errorLogFile: this.#layout.logFile(`${component}.err`),
      announces: true,
      readyMsMax,
      restartDelayMs,
    }
    const started = await this.#supervisor.start(spec, policy)
    if (started.ok) this.#options.say(`${component.padEnd(16)} ready, pid ${started.value.pid}`)
    return started
  }

  /**
   * Writes the ports that the system chose into the configurations, so that a restart keeps them.
   */
  #fixPorts(venue: Child, control: Child, venueConfig: object): configs.VenueUrls {
    const venuePort = Number(venue.detail['port'])
    const controlPort = Number(venue.detail['controlPort'])
    const apiPort = Number(control.detail['port'])
    const { layout } = this.#settings
    configs.writeConfig(layout, 'paper_venue', { ...venueConfig, port: venuePort, controlPort })
    configs.writeConfig(layout, 'control_api', {
      ...configs.controlApiConfig(this.#settings),
      port: apiPort,
    })
    const venueUrl = `127.0.0.1:${venuePort}`
    this.#described = this.#stackOf(apiPort, venueUrl, controlPort)
    return { httpUrl: `http://${venueUrl}`, wsUrl: `ws://${venueUrl}/ws/api/v2` }
  }

  #stackOf(apiPort: number, venueUrl: string, controlPort: number): Stack {
    const { layout, redis, keys } = this.#settings
    const lastResort = [
      process.execPath,
      join(projectRoot, lastResortEntryPoint),
      '--config',
      layout.configFile('dead_man_switch'),
    ]
    return {
      home: layout.home,
      environment: 'PAPER',
      build_id: readBuildId(),
      started_wall_ms: this.#startedWallMs,
      supervisor_pid: process.pid,
      supervisor_start_ticks: readProcessStat(process.pid)?.startTicks ?? '0',
      dashboard_url: `http://127.0.0.1:${apiPort}/`,
      redis: {
        socket_path: layout.redisSocket,
        port: this.#options.ports.redis,
        auditor_password_file: redis.logins.auditor.passwordFile,
        operator_password_file: redis.logins.operator.passwordFile,
      },
      venue: {
        http_url: `http://${venueUrl}`,
        ws_url: `ws://${venueUrl}/ws/api/v2`,
        control_url: `http://127.0.0.1:${controlPort}`,
        control_token_file: keys.venueControlTokenFile,
      },
      operator: { operator_id: initialAdminId, key_version: 1, key_file: keys.adminKeyFile },
      last_resort: { look: [...lastResort, '--look'], cancel: lastResort },
      guards: this.#settings.guarded.map((component) => ({
        component,
        argv: [
          process.execPath,
          join(projectRoot, guardEntryPoint),
          '--config',
          layout.configFile(component),
        ],
      })),
      components: [],
    }
  }

  #describe(): Stack {
    if (this.#described === undefined) throw new Error('the stack is not up yet')
    const components = this.#supervisor.children.map(({ spec, pid, cgroup }) => ({
      component: spec.component,
      pid,
      cgroup,
    }))
    return { ...this.#described, components }
  }

  #recordChildren(children: readonly Child[]): void {
    this.#lock.recordChildren(
      children.map(({ spec, pid, startTicks }) => ({
        component: spec.component,
        pid,
        start_ticks: startTicks,
      })),
    )
    if (this.#described !== undefined && children.length > 0) {
      replaceFileDurably(this.#layout.stackFile, `${JSON.stringify(this.#describe(), null, 2)}\n`)
    }
  }
}

function faultOf(fault: ChildFault): StackFault {
  return { code: fault.code, message: `${fault.component} ${fault.message}` }
}

function busiestRecorded(venue: Child): string {
  const [busiest] = z.array(z.string()).min(1).parse(venue.detail['replayedNames'])
  return busiest as string
}
