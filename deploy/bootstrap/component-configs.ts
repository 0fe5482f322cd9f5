import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AlertChannelConfig } from '@bulkhead/shared/contracts/alert-channels.ts'
import { type WatcherId, watcherIds } from '@bulkhead/shared/contracts/components.ts'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import type { RedisLogin, SafetyRedisFiles } from '../redis/provision.ts'
import type { Desk } from './desk-file.ts'
import {
  initialAdminId,
  type ProvisionedKeys,
  safetyClientId,
  secondSafetyClientId,
  tradingClientId,
} from './provision-keys.ts'

/** What distinguishes one stack from another. */
export type StackSettings = {
  readonly layout: HomeLayout
  readonly redis: SafetyRedisFiles
  readonly keys: ProvisionedKeys
  readonly ports: Readonly<Record<'api' | 'venue' | 'venueControl' | 'gate', number>>
  /** 1 for the documented ladder of 5, 15 and 30 s; 0.1 for a fast drill. */
  readonly ladderScale: number
  readonly cgroupMount: string | null
  readonly cgroupOf: (component: string) => string | null
  /** Of the command line; beside the channels of the desk file. */
  readonly webhookUrl: string | null
  readonly alerts: readonly AlertChannelConfig[]
  /** Bots that are wrapped by `bulkhead guard`, by name. */
  readonly guarded: readonly string[]
  /** Every dead-man switch that runs. */
  readonly watchers: readonly WatcherId[]
}

export type VenueUrls = { readonly httpUrl: string; readonly wsUrl: string }

export function paperVenueConfig(settings: StackSettings) {
  const { layout, keys, ports, watchers } = settings
  const second = {
    clientId: secondSafetyClientId,
    clientSecretFile: keys.secondSafetySecretFile,
  }
  return {
    port: ports.venue,
    controlPort: ports.venueControl,
    controlTokenFile: keys.venueControlTokenFile,
    accounts: [
      {
        name: 'desk',
        keys: [
          { clientId: tradingClientId, clientSecretFile: keys.tradingSecretFile },
          { clientId: safetyClientId, clientSecretFile: keys.safetySecretFile },
          ...(watchers.includes('dead_man_switch_2') ? [second] : []),
        ],
      },
    ],
    logFile: layout.logFile('paper_venue'),
  }
}

/** The gate lets nobody through but to the venue of this stack. */
export function egressGateConfig(settings: StackSettings, venue: VenueUrls) {
  const { layout, ports } = settings
  const { hostname, port } = new URL(venue.wsUrl)
  return {
    component: 'egress_gate',
    logFile: layout.logFile('egress_gate'),
    port: ports.gate,
    controlSocket: layout.gateSocket,
    stateDir: layout.gateStateDir,
    allow: [{ host: hostname, port: Number(port) }],
  }
}

export function deadManSwitchConfig(
  settings: StackSettings,
  venue: VenueUrls,
  watcher: WatcherId = watcherIds[0],
) {
  const isFirst = watcher === watcherIds[0]
  const { layout, keys, ladderScale } = settings
  const scaled = (ms: number) => Math.round(ms * ladderScale)
  const watched = (component: string, expected: 'at_boot' | 'once_seen' = 'at_boot') => ({
    component,
    expected,
    killable: true,
    cgroup: settings.cgroupOf(component),
    // Without cgroups everything runs as one user: the file it was started with tells who is who.
    mark: settings.cgroupMount === null ? markOf(layout.configFile(component), expected) : null,
    uid: process.getuid?.() ?? 0,
    containerCommand: null,
  })
  return {
    ...common(settings, watcher, settings.redis.logins[isFirst ? 'safety' : 'safety_2']),
    watchers: settings.watchers,
    auditHeadsFile: layout.auditHeadsFile,
    auditSealKeyFile: isFirst ? keys.auditSealKeyFile : null,
    stateDir: isFirst ? layout.safetyStateDir : layout.secondSafetyStateDir,
    operatorsFile: keys.safetyOperatorsFile,
    watch: [
      { ...watched('executor'), livenessSocket: layout.livenessSocket },
      watched('orchestrator'),
      ...settings.guarded.map((component) => watched(component, 'once_seen')),
    ],
    severAtHardStop: ['executor', ...settings.guarded],
    cgroupMount: settings.cgroupMount,
    ladder: {
      softStopAfterMs: scaled(5_000),
      hardStopAfterMs: scaled(15_000),
      emergencyAfterMs: scaled(30_000),
      bootGraceMs: 10_000,
      redisSilentAfterMs: 4_000,
      watchedHeartbeatIntervalMs: heartbeatIntervalMs(settings),
      pollIntervalMs: atMost(250, scaled(1_000)),
    },
    kill: {
      massCancelTimeoutMs: atMost(1_500, scaled(6_000)),
      severVerifyTimeoutMs: atMost(500, scaled(3_000)),
      unconfirmedRetryMs: Math.max(1_000, scaled(10_000)),
    },
    liveness: { timeoutMs: atMost(1_000, scaled(1_000)) },
    marketDataFailsafe: { component: 'market_data_adapter', heartbeatAgeMsMax: 15_000 },
    exchange: {
      id: 'deribit',
      httpUrl: venue.httpUrl,
      clientId: isFirst ? safetyClientId : secondSafetyClientId,
      clientSecretFile: isFirst ? keys.safetySecretFile : keys.secondSafetySecretFile,
      tradingClientId,
      cancelAllAfterMs: 10_000,
    },
    egressGate: { controlSocket: layout.gateSocket },
    notify: { channels: alertChannels(settings) },
  }
}

/**
 * Paper money on a machine that does other things besides: the venue is a process next door, and a
 * demonstration does not wait for two minutes (decision D-47).
 */
const paperNetwork = {
  exitStableS: 1,
  callP95MsMax: 5_000,
  eventLagMsMax: 10_000,
  timeoutRateMax: 0.5,
}

/** The disk of a workstation belongs to others as well, and may be fuller than that of a desk. */
const paperDisk = { recoveredBelow: 0.95, degradedAt: 0.97, killAt: 0.99 }

/** @param gatePort where the egress gate listens */
export function executorConfig(
  settings: StackSettings,
  venue: VenueUrls,
  gatePort: number,
  desk: Desk,
) {
  return {
    ...common(settings, 'executor', settings.redis.logins.trading),
    watchers: settings.watchers,
    intentSocketPath: settings.layout.intentSocket,
    livenessSocket: { path: settings.layout.livenessSocket },
    ledgerDir: settings.layout.ledgerDir,
    handedPolicy: { publicKeyFile: settings.layout.policyPublicFile },
    // A demonstration is not kept waiting for five minutes (D-52).
    emergencyCooldownS: 2,
    venue: {
      kind: 'deribit',
      wsUrl: venue.wsUrl,
      egressGate: { host: '127.0.0.1', port: gatePort },
      clientId: tradingClientId,
      clientSecretFile: settings.keys.tradingSecretFile,
    },
    instruments: desk.instruments,
    limits: {
      orderNotionalUsdMax: 50_000,
      positionNotionalUsdMax: 200_000,
      openOrdersMax: 20,
      intentsPerSecondMax: 10,
    },
    gates: {
      lifecycle: { expiryDelistBufferS: 60 },
      netEdge: { edgeUsdMin: 0.01 },
      inventorySkew: { deltaLimits: { BTC: 10, ETH: 200 } },
      globalExposure: { deltaUsdMax: 300_000 },
    },
    monitors: { networkJitter: paperNetwork, disk: paperDisk },
    ...(desk.policy === undefined ? {} : { policy: desk.policy }),
    approvals: { operatorsFile: settings.keys.executorOperatorsFile },
  }
}

export function orchestratorConfig(settings: StackSettings, desk: Desk) {
  return {
    ...common(settings, 'orchestrator', settings.redis.logins.trading),
    intentSocketPath: settings.layout.intentSocket,
    strategies: desk.strategies,
  }
}

/** A bot's guard knows its own keys and its own cgroup, and nothing else of the stack. */
export function guardConfig(settings: StackSettings, component: string) {
  const cgroup = settings.cgroupOf(component)
  return {
    ...common(settings, component, settings.redis.guards[component]!),
    watchers: settings.watchers,
    cgroupDirectory:
      cgroup === null || settings.cgroupMount === null ? null : join(settings.cgroupMount, cgroup),
  }
}

export function controlApiConfig(settings: StackSettings) {
  const { layout, keys, ports } = settings
  return {
    ...common(settings, 'control_api', settings.redis.logins.control),
    watchers: settings.watchers,
    host: '127.0.0.1',
    port: ports.api,
    masterKeyFile: keys.masterKeyFile,
    operatorsFile: keys.controlOperatorsFile,
    policy: { keyFile: keys.policyKeyFile },
    initialAdmin: { operatorId: initialAdminId, keyFile: keys.adminKeyFile },
    archiveFile: layout.auditArchiveFile,
  }
}

function alertChannels({ webhookUrl, alerts }: StackSettings) {
  if (webhookUrl === null) return alerts
  return [...alerts, { kind: 'webhook', name: 'command_line', url: webhookUrl }]
}

/** Writes a component's configuration and returns the file's name. */
export function writeConfig(layout: HomeLayout, component: string, config: unknown): string {
  const file = layout.configFile(component)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  return file
}

function common(settings: StackSettings, component: string, login: RedisLogin) {
  const { layout } = settings
  return {
    component,
    environment: 'PAPER',
    redis: {
      socketPath: layout.redisSocket,
      ...login,
      commandTimeoutMs: atMost(300, Math.round(2_000 * settings.ladderScale)),
    },
    logFile: layout.logFile(component),
    logLevel: 'info',
    auditSpoolFile: layout.auditSpoolFile(component),
    heartbeatIntervalMs: heartbeatIntervalMs(settings),
  }
}

/** The documented value, or less where a scaled ladder leaves no room for it. */
const atMost = (documentedMs: number, scaledMs: number) => Math.min(documentedMs, scaledMs)

/** A scaled ladder needs beats that are scaled with it; 500 ms is the documented interval. */
function heartbeatIntervalMs(settings: StackSettings): number {
  return Math.max(20, Math.round(500 * settings.ladderScale))
}

/** A component of ours names its file on its command line; a guard hands it to its bot. */
const markOf = (configFile: string, expected: 'at_boot' | 'once_seen') =>
  expected === 'at_boot' ? configFile : `BULKHEAD_GUARD_CONFIG=${configFile}`
