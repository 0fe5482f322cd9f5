import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { deriveOperatorKey, signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { createCgroupTree, type CgroupTree } from '../../../deploy/bootstrap/cgroups.ts'
import {
  createWorld,
  killCommand,
  resetCommand,
  rest,
  rowsOf,
  type SafetyWorld,
} from '../../integration/safety-plane/support/safety-world.ts'
import { spawnControlApi } from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { openWire, type Wire } from './wire.ts'
import { newPolicyKeys, pemOf } from '../../support/policy.ts'

const victimFile = join(
  import.meta.dirname,
  '../../integration/safety-plane/support/beating-component.ts',
)
const victimMb = 100
/** A component that this watcher does not watch, for the victim that only the kernel ends. */
const peer = 'market_data_adapter'
const restingOrders = 2
const waitMsMax = 60_000
/** Short waits between the phases; none of them is in a figure. */
const kill = {
  massCancelTimeoutMs: 1_500,
  severVerifyTimeoutMs: 500,
  inFlightLeaseMs: 50,
  sweepPauseMs: 50,
  unconfirmedRetryMs: 1_000,
}
const richVenue = {
  credits: {
    matching: { rate: 10_000, burst: 10_000 },
    nonMatching: { rate: 10_000, burst: 10_000 },
  },
}

export type KillSamples = {
  readonly detectToFenceMs: number[]
  readonly detectToCancelMs: number[]
  readonly detectToDeadMs: number[]
  readonly severToDeadMs: number[]
  /** The same process killed in the same way by a bare loop that does nothing but look. */
  readonly kernelKillToDeadMs: number[]
  readonly commandToClearMs: number[]
  readonly rssMb: number[]
}

const storedSchema = z.looseObject({
  state: z.looseObject({
    episode: z
      .looseObject({
        id: z.string(),
        startedTickMs: z.number(),
        current: z.string().nullable(),
        phases: z.array(
          z.looseObject({
            phase: z.string(),
            startedTickMs: z.number(),
            finishedTickMs: z.number().nullable(),
            outcome: z.string().nullable(),
          }),
        ),
      })
      .nullable(),
  }),
})
type Episode = NonNullable<z.infer<typeof storedSchema>['state']['episode']>

/**
 * Kills a 100 MB executor again and again by a signed L1 at the control API, with orders resting on
 * the venue, and reads each step off the episode that the safety plane keeps on its disk: all by
 * the host's one monotonic clock. The cancel is timed on the wire to the venue.
 */
export async function measureKills(
  runs: number,
  onRun: (done: number) => void,
): Promise<KillSamples> {
  const bench = await KillBench.open()
  try {
    const samples: KillSamples = {
      detectToFenceMs: [],
      detectToCancelMs: [],
      detectToDeadMs: [],
      severToDeadMs: [],
      kernelKillToDeadMs: [],
      commandToClearMs: [],
      rssMb: [],
    }
    for (let run = 1; run <= runs; run += 1) {
      await bench.sample(samples)
      onRun(run)
    }
    samples.severToDeadMs.push(...(await bench.severTimes()))
    return samples
  } finally {
    await bench.close()
  }
}

class KillBench {
  readonly #world: SafetyWorld
  readonly #wire: Wire
  readonly #tree: CgroupTree
  readonly #api: Awaited<ReturnType<typeof spawnControlApi>>
  readonly #adminKey: Buffer
  readonly #safetyPid: number
  readonly #beats: NodeJS.Timeout

  private constructor(parts: {
    world: SafetyWorld
    wire: Wire
    tree: CgroupTree
    api: Awaited<ReturnType<typeof spawnControlApi>>
    adminKey: Buffer
    safetyPid: number
    beats: NodeJS.Timeout
  }) {
    this.#world = parts.world
    this.#wire = parts.wire
    this.#tree = parts.tree
    this.#api = parts.api
    this.#adminKey = parts.adminKey
    this.#safetyPid = parts.safetyPid
    this.#beats = parts.beats
  }

  static async open(): Promise<KillBench> {
    const tree = createCgroupTree(`bulkhead-bench-${process.pid}`)
    if (tree === undefined)
      throw new Error('this host lets nobody make cgroups: no figure by cgroup')
    const cgroup = tree.groupOf('executor')
    const uid = process.getuid?.() ?? 0
    const base = { killable: true, uid, containerCommand: null }
    const world = await createWorld(
      {
        kill,
        cgroupMount: tree.mount,
        watch: [
          { ...base, component: 'executor', cgroup },
          { ...base, component: 'orchestrator', cgroup: null },
        ],
        ladder: { bootGraceMs: 20_000, watchedHeartbeatIntervalMs: 50, pollIntervalMs: 100 },
        readinessIntervalMs: 60_000,
      },
      richVenue,
    )
    try {
      return await KillBench.#start(world, tree)
    } catch (error) {
      await world.close()
      tree.remove()
      throw error
    }
  }

  static async #start(world: SafetyWorld, tree: CgroupTree): Promise<KillBench> {
    const wire = await openWire(world.venue.port)
    Object.assign(world.config, {
      exchange: { ...(world.config['exchange'] as object), httpUrl: wire.url },
    })
    const link = await world.redis.link('trading')
    const beats = setInterval(() => {
      const key = redisKeys.heartbeat('orchestrator')
      void link.run((redis) => redis.set(key, String(process.hrtime.bigint()), 'PX', 6_000))
    }, 100)
    const { adminKey, configFile } = prepareApi(world)
    const safety = await world.startSafety()
    const api = await spawnControlApi(configFile)
    return new KillBench({ world, wire, tree, api, adminKey, safetyPid: safety.pid, beats })
  }

  /** One victim, one kill, one reset; and the same victim again for the kernel alone. */
  async sample(samples: KillSamples): Promise<void> {
    samples.kernelKillToDeadMs.push(await this.#kernelAlone())
    const victim = await this.#startVictim('executor')
    for (let order = 0; order < restingOrders; order += 1) await rest(this.#world)
    const sentTickMs = systemClock.monotonicMs()
    await this.#post(killCommand('L1'))
    const episode = await eventually('the end', () => this.#finishedEpisode(), waitMsMax)
    const isConfirmed = episode.phases.every(
      ({ outcome }) => outcome === 'confirmed' || outcome === 'not_required' || outcome === null,
    )
    const cancelTickMs = this.#wire.firstAfter('cancel_all', episode.startedTickMs)
    if (!isConfirmed || cancelTickMs === undefined) throw new Error(JSON.stringify(episode.phases))
    const detected = episode.startedTickMs
    const [fence, sever] = [phaseOf(episode, 'fence'), phaseOf(episode, 'sever')]
    const [lease, sweep] = [phaseOf(episode, 'in_flight_wait'), phaseOf(episode, 'sweep')]
    samples.detectToFenceMs.push(fence.endMs - detected)
    samples.detectToCancelMs.push(cancelTickMs - detected)
    samples.detectToDeadMs.push(sever.endMs - detected)
    samples.commandToClearMs.push(sweep.endMs - sentTickMs - (lease.endMs - lease.startMs))
    samples.rssMb.push(residentMb(this.#safetyPid))
    await victim.ended
    await this.#post(resetCommand(episode.id))
  }

  /** From kill to verified death, as recorded for each victim. */
  async severTimes(): Promise<number[]> {
    const rows = await eventually('the record of all', async () => {
      const kills = rowsOf(await this.#world.audit(), 'KILL_VERIFIED')
      return kills.length > 0 && kills
    })
    const byCgroup = rows.filter((row) => row['method'] === 'cgroup')
    if (byCgroup.length !== rows.length) throw new Error('a victim was not severed by its cgroup')
    return byCgroup.map((row) => Number(row['duration_us']) / 1_000)
  }

  async close(): Promise<void> {
    clearInterval(this.#beats)
    this.#api.process.kill('SIGKILL')
    await this.#world.close()
    this.#wire.close()
    this.#tree.remove()
  }

  /**
   * What the kernel needs to end such a process and to say so, with none of our code in between:
   * the floor of what a verified death can take on this machine.
   */
  async #kernelAlone(): Promise<number> {
    const { ended } = await this.#startVictim(peer)
    const group = this.#tree.directoryOf(this.#tree.groupOf(peer))
    const events = openSync(join(group, 'cgroup.events'), 'r')
    const seen = Buffer.alloc(256)
    const startTickMs = systemClock.monotonicMs()
    writeFileSync(join(group, 'cgroup.kill'), '1')
    for (;;) {
      const size = readSync(events, seen, 0, seen.length, 0)
      if (seen.toString('latin1', 0, size).includes('populated 0')) break
    }
    const tookMs = systemClock.monotonicMs() - startTickMs
    closeSync(events)
    await ended
    return tookMs
  }

  async #startVictim(component: string): Promise<{ readonly ended: Promise<unknown> }> {
    const redis = JSON.stringify(this.#world.redis.config('trading'))
    const group = this.#tree.directoryOf(this.#tree.groupOf(component))
    const argv = [process.execPath, victimFile, component, redis, '50', String(victimMb)]
    const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    const child = spawn('/bin/sh', ['-c', join, group, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    await once(createInterface({ input: child.stdout }), 'line')
    return { ended }
  }

  #finishedEpisode(): Episode | undefined {
    const file = join(String(this.#world.config['stateDir']), 'episode.json')
    const { episode } = storedSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).state
    const isOver = episode?.current === null && phaseOf(episode, 'state').isOver
    return isOver ? episode : undefined
  }

  /** Signs and submits; anything but an execution ends the measurement. */
  async #post(command: ReturnType<typeof killCommand>): Promise<void> {
    const reply = await fetch(`${this.#api.url}/api/v1/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(signCommand(command, this.#adminKey)),
    })
    const body = (await reply.json()) as { outcome: string; reason: string }
    if (body.outcome !== 'EXECUTED') throw new Error(JSON.stringify(body))
  }
}

function phaseOf(episode: Episode, name: string) {
  const entry = episode.phases.findLast(({ phase }) => phase === name)
  return {
    startMs: entry?.startedTickMs ?? Number.NaN,
    endMs: entry?.finishedTickMs ?? Number.NaN,
    isOver: entry?.outcome === 'confirmed',
  }
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
}

type Desk = { readonly adminKey: Buffer; readonly configFile: string }

/** Makes an ADMIN that both planes know, and the configuration of a control API. */
function prepareApi(world: SafetyWorld): Desk {
  const { layout } = world.redis
  const secret = (name: string, text: string) => {
    const file = layout.secretFile(name)
    writeFileSync(file, text, { mode: 0o400 })
    return file
  }
  const masterKey = randomBytes(32)
  const adminKey = deriveOperatorKey(masterKey, 'admin', 1)
  const key_hex = adminKey.toString('hex')
  const admin = { operator_id: 'admin', role: 'ADMIN', key_version: 1, key_hex }
  const operators = JSON.stringify([admin])
  Object.assign(world.config, { operatorsFile: secret('operators-bench-safety', operators) })
  const configFile = layout.configFile('control_api')
  const config = {
    component: 'control_api',
    environment: 'PAPER',
    redis: world.redis.config('control'),
    logFile: layout.logFile('control_api'),
    auditSpoolFile: layout.auditSpoolFile('control_api'),
    port: 0,
    masterKeyFile: secret('master', masterKey.toString('hex')),
    initialAdmin: {
      operatorId: 'admin',
      keyFile: secret('operator-admin', key_hex),
    },
    operatorsFile: secret('operators-bench-control', operators),
    policy: { keyFile: secret('policy-key', pemOf(newPolicyKeys().privateKey)) },
    archiveFile: layout.auditArchiveFile,
  }
  writeFileSync(configFile, JSON.stringify(config))
  return { adminKey, configFile }
}
