import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { parseSealPublicKey } from '@bulkhead/shared/runtime/audit-seal.ts'
import { takeHandedPolicy } from '@bulkhead/shared/runtime/handed-policy.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { AuditReply } from '../../../control-plane/api/http-schema.ts'
import {
  endProcess,
  spawnControlApi,
  startControlApi,
  type TestControlApi,
} from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { startSafetyActor } from '../../support/safety-actor.ts'

describe('the control API process', () => {
  let api: TestControlApi
  let admin: RedisLink

  beforeEach(async () => {
    api = await startControlApi()
    admin = await api.redis.link('admin')
    await eventually('operators are registered', async () => (await roleOf('vera')) === 'VIEWER')
  })

  afterEach(async () => {
    await api.close()
  })

  const roleOf = async (operatorId: string) => {
    const key = redisKeys.rbacOperator(operatorId)
    const read = await admin.run((redis) => redis.hget(key, 'role'))
    return read.ok ? read.value : null
  }

  /** Runs the API with a changed configuration until it ends by itself. */
  const runWith = async (change: (config: Record<string, unknown>) => void) => {
    const config = JSON.parse(readFileSync(api.configFile, 'utf8')) as Record<string, unknown>
    change(config)
    const file = join(api.redis.home, 'changed.json')
    writeFileSync(file, JSON.stringify(config))
    const main = join(projectRoot, 'control-plane/api/main.ts')
    const child = spawn(process.execPath, [main, '--config', file], { stdio: 'pipe' })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    const code = await new Promise<number | null>((resolve) => {
      child.once('close', resolve)
    })
    return { code, errors }
  }

  it('beats, registers and publishes like every component, and withdraws on SIGTERM', async () => {
    const read = async () => {
      const [beat, pid, status] = await Promise.all([
        admin.run((redis) => redis.get('safety:heartbeat:control_api')),
        admin.run((redis) => redis.hget('safety:pid:control_api', 'pid')),
        admin.run((redis) => redis.get('safety:status:control_api')),
      ])
      return {
        beat: beat.ok && beat.value,
        pid: pid.ok && pid.value,
        status: status.ok && status.value,
      }
    }
    const first = await eventually('all is published', async () => {
      const now = await read()
      return now.beat && now.status ? now : undefined
    })
    expect(first.pid).toBe(String(api.process.pid))
    const policy = await admin.run((redis) => redis.get(redisKeys.policyCurrent))
    const key = parseSealPublicKey(readFileSync(api.redis.layout.secretFile('policy-key'), 'utf8'))
    const told = takeHandedPolicy((policy.ok && policy.value) || '', key as KeyObject)
    expect(told).toMatchObject({ open_haircut_mult: 1 })
    expect(Math.abs(Date.now() - (told?.policy_generated_ts_ms ?? 0))).toBeLessThan(30_000)
    await eventually('the beat changes', async () => (await read()).beat !== first.beat)
    expect(await api.stop()).toBe(0)
    expect((await read()).pid).toBeNull()
  })

  it('ST-03: registers the initial ADMIN when there is no other; touches no record', async () => {
    expect(await roleOf('ada')).toBe('ADMIN')
    await api.stop()
    await admin.run((redis) => redis.del(redisKeys.rbacOperator('ada')))
    await admin.run((redis) =>
      redis.hset(redisKeys.rbacOperator('rita'), {
        role: 'ADMIN',
        key_version: '1',
        state: 'SUSPENDED',
      }),
    )
    await admin.run((redis) => redis.del(redisKeys.rbacOperator('otto')))
    const again = await spawnControlApi(api.configFile)
    await eventually('the missing one is back', async () => (await roleOf('otto')) === 'OPERATOR')
    await endProcess(again.process)
    expect(await roleOf('ada')).toBeNull()
    const rita = await admin.run((redis) => redis.hgetall(redisKeys.rbacOperator('rita')))
    expect(rita).toMatchObject({ value: { role: 'ADMIN', state: 'SUSPENDED' } })
  })

  it('lists every fault of its configuration and exits with status 2', async () => {
    const { code, errors } = await runWith((config) => {
      config['port'] = 'eighty'
      config['heartbeatIntervalMs'] = 1
      config['bypass'] = true
      delete config['archiveFile']
    })
    expect(code).toBe(2)
    for (const path of ['port', 'heartbeatIntervalMs', 'bypass', 'archiveFile']) {
      expect(errors).toContain(path)
    }
    expect(errors).toContain('4 fault(s)')
  })

  it.each<[string, (config: Record<string, unknown>) => void, string]>([
    [
      'a key of the initial admin without its id',
      (config) => {
        config['initialAdmin'] = { keyFile: '/dev/null' }
      },
      'initialAdmin.operatorId',
    ],
    [
      'a host that is not loopback',
      (config) => {
        config['host'] = '0.0.0.0'
      },
      'CONFIG_INVALID host',
    ],
    [
      'a missing secret',
      (config) => {
        config['masterKeyFile'] = '/nonexistent'
      },
      'SECRET_UNREADABLE /nonexistent',
    ],
    [
      'operators of another master key',
      (config) => {
        const file = `${String(config['masterKeyFile'])}-other`
        rmSync(file, { force: true })
        writeFileSync(file, 'ab'.repeat(32), { mode: 0o400 })
        config['masterKeyFile'] = file
      },
      'OPERATOR_KEY_MISMATCH ada',
    ],
    [
      'an archive that is none',
      (config) => {
        const file = join(String(config['logFile']), '..', 'not-a-database')
        writeFileSync(file, 'this is text, '.repeat(100))
        config['archiveFile'] = file
      },
      'ARCHIVE_UNUSABLE',
    ],
    [
      'a port in use',
      (config) => {
        config['port'] = Number(new URL(api.url).port)
      },
      'LISTEN_FAILED',
    ],
  ])('says in one line what is wrong and exits with status 2: %s', async (_name, change, line) => {
    const { code, errors } = await runWith(change)
    expect({ code, errors }).toMatchObject({ code: 2, errors: expect.stringContaining(line) })
  })

  it('refuses a secret that others may read', async () => {
    const { masterKeyFile } = JSON.parse(readFileSync(api.configFile, 'utf8')) as {
      masterKeyFile: string
    }
    chmodSync(masterKeyFile, 0o644)
    expect(statSync(masterKeyFile).mode & 0o777).toBe(0o644)
    const { code, errors } = await runWith(() => undefined)
    expect({ code, errors }).toMatchObject({
      code: 2,
      errors: expect.stringContaining('SECRET_TOO_OPEN'),
    })
  })

  it('archives every entry once across restarts, and nobody can change the archive', async () => {
    const actor = await startSafetyActor(api.redis)
    await api.post(api.kill('ada'))
    const archived = async (url: string) => {
      const response = await fetch(`${url}/api/v1/audit?limit=1000`)
      return ((await response.json()) as AuditReply).entries
    }
    const logged = async () => {
      const read = await admin.run((redis) => redis.xrange(redisKeys.auditLog, '-', '+'))
      return read.ok ? read.value : []
    }
    const catchesUp = (url: string) =>
      eventually('the archive holds the whole log', async () => {
        const [entries, log] = [await archived(url), await logged()]
        const isSame = entries.map(({ id }) => id).join() === log.map(([id]) => id).join()
        return entries.some(({ entry }) => entry['action'] === 'COMMAND_OUTCOME') && isSame
      })
    await catchesUp(api.url)
    api.process.kill('SIGKILL')
    await new Promise((resolve) => {
      api.process.once('exit', resolve)
    })
    const again = await spawnControlApi(api.configFile)
    await fetch(`${again.url}/api/v1/commands`, {
      method: 'POST',
      body: api.kill('ada'),
      headers: { 'content-type': 'application/json' },
    })
    await catchesUp(again.url)
    await endProcess(again.process)
    await actor.stop()

    const database = new DatabaseSync(api.redis.layout.auditArchiveFile)
    for (const attack of [
      "UPDATE audit_entries SET entry = '{}'",
      'DELETE FROM audit_entries',
      'REPLACE INTO audit_entries ' +
        "SELECT ms, seq, writer, chain, action, hash, '{}' FROM audit_entries",
    ]) {
      expect(() => database.exec(attack)).toThrow('append-only')
    }
    database.close()
  })
})
