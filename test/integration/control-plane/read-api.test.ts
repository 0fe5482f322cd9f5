import { spawn } from 'node:child_process'
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identityOf } from '@bulkhead/shared/runtime/process-identity.ts'
import type { AuditReply } from '../../../control-plane/api/http-schema.ts'
import { type StatusReport, statusReportSchema } from '../../../control-plane/api/status-schema.ts'
import { startControlApi, type TestControlApi } from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { type SafetyActor, startSafetyActor } from '../../support/safety-actor.ts'
import { startStatusPlayers, type StatusPlayers } from '../../support/status-players.ts'

const readPaths = [
  '/api/v1/status',
  '/api/v1/health',
  '/api/v1/reset/preview',
  '/api/v1/audit',
  '/api/v1/decisions',
  '/api/v1/approvals',
  '/api/v1/events',
  '/metrics',
  '/docs',
]

describe('the read side of the control API', () => {
  let api: TestControlApi
  let players: StatusPlayers
  let actor: SafetyActor

  beforeAll(async () => {
    api = await startControlApi({ streamsMax: 2 })
    players = await startStatusPlayers(api.redis)
    actor = await startSafetyActor(api.redis)
    await statusWhen('the stack is Active', (report) => report.trading_mode === 'Active')
  })

  afterAll(async () => {
    await players.stop()
    await actor.stop()
    await api.close()
  })

  const get = (path: string, init: RequestInit = {}) => fetch(`${api.url}${path}`, init)
  const status = async () => statusReportSchema.parse(await (await get('/api/v1/status')).json())
  const statusWhen = (what: string, is: (report: StatusReport) => boolean) =>
    eventually(what, async () => {
      const report = await status()
      return is(report) && report
    })

  it('AT-022: answers health with ok, build_id and contract_version', async () => {
    const response = await get('/api/v1/health')
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      ok: true,
      build_id: expect.stringMatching(/.+/),
      contract_version: '5.2',
    })
  })

  it('AT-407: refuses every other method on what only reads, and nothing changes', async () => {
    const before = await status()
    for (const path of readPaths) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']) {
        const body = method === 'POST' ? '{"trading_mode":"Active","risk_state":' : null
        const headers = { 'content-type': 'application/json' }
        const response = await get(path, { method, body, headers })
        expect([path, method, response.status]).toEqual([path, method, 405])
        expect(response.headers.get('allow')).toContain('GET')
      }
    }
    const after = await status()
    expect([after.trading_mode, after.risk_state]).toEqual([before.trading_mode, before.risk_state])
  })

  it('AT-405: carries version 1 of the status document', async () => {
    expect((await status()).status_schema_version).toBe(1)
  })

  it.each([
    ['AT-212', 'WS_TRADES_GAP_RECONCILE_REQUIRED'],
    ['AT-403', 'RESTART_RECONCILE_REQUIRED'],
    ['AT-403', 'INVENTORY_MISMATCH_RECONCILE_REQUIRED'],
  ] as const)('%s: connectivity is degraded while %s stands', async (_id, code) => {
    players.set('executor', {
      trading_mode: 'ReduceOnly',
      mode_reasons: ['REDUCEONLY_OPEN_PERMISSION_LATCHED'],
      open_permission_blocked_latch: true,
      open_permission_reason_codes: [code],
    })
    const report = await statusWhen('the latch shows', ({ open_permission_reason_codes: codes }) =>
      codes.includes(code),
    )
    expect(report.connectivity_degraded).toBe(true)
    players.set('executor', {
      trading_mode: 'Active',
      mode_reasons: [],
      open_permission_blocked_latch: false,
      open_permission_reason_codes: [],
    })
    const clear = await statusWhen('the latch is gone', (now) => !now.open_permission_blocked_latch)
    expect(clear.connectivity_degraded).toBe(false)
  })

  it('tells within three seconds that a component fell silent, and that it is back', async () => {
    for (const component of ['executor', 'orchestrator', 'dead_man_switch'] as const) {
      const key = component === 'dead_man_switch' ? 'safety' : component
      const startTickMs = performance.now()
      players.silence(component)
      const silent = await statusWhen(`${component} is silent`, (report) => report[key].silent)
      expect(performance.now() - startTickMs).toBeLessThan(3_000)
      expect(silent.trading_mode).toBe(component === 'orchestrator' ? 'Active' : 'ReduceOnly')
      expect(silent.executor_silent).toBe(component === 'executor')
      players.revive(component)
      await statusWhen(`${component} is back`, (report) => report.trading_mode === 'Active')
    }
  })

  it('knows at once when the host says that a registered process is frozen or gone', async () => {
    const child = spawn('sleep', ['60'])
    const identity = identityOf(child.pid ?? 0, 1n)
    const trading = await api.redis.link('trading')
    await trading.run((redis) => redis.hset('safety:pid:executor', { ...identity }))
    const executorNow = async () => {
      const report = await status()
      const view = report.components.find(({ component }) => component === 'executor')
      return [view?.process, report.executor_silent, report.trading_mode]
    }
    expect(await executorNow()).toEqual(['RUNNING', false, 'Active'])
    child.kill('SIGSTOP')
    await eventually('it is frozen', async () => (await executorNow())[0] === 'STOPPED')
    expect(await executorNow()).toEqual(['STOPPED', true, 'ReduceOnly'])
    const exited = new Promise((resolve) => {
      child.once('exit', resolve)
    })
    child.kill('SIGKILL')
    await exited
    expect(await executorNow()).toEqual(['GONE', true, 'ReduceOnly'])
    const foreign = { ...identity, host: 'elsewhere' }
    await trading.run((redis) => redis.hset('safety:pid:executor', foreign))
    expect(await executorNow()).toEqual(['UNKNOWN', false, 'Active'])
    await trading.run((redis) => redis.del('safety:pid:executor'))
  })

  it('shows a kill at once, and says UNKNOWN for a switch state that makes no sense', async () => {
    await players.killSwitch('EMERGENCY', 'episode-9')
    expect(await status()).toMatchObject({
      trading_mode: 'Kill',
      mode_reasons: ['KILL_RISKSTATE_KILL'],
      kill_switch: { mode: 'EMERGENCY', episode: 'episode-9' },
    })
    const admin = await api.redis.link('admin')
    await admin.run((redis) => redis.hset('safety:killswitch:state', 'mode', 'FINE'))
    expect(await status()).toMatchObject({
      trading_mode: 'ReduceOnly',
      kill_switch: { mode: 'UNKNOWN', current: false },
    })
    await players.killSwitch('NORMAL')
    expect((await status()).trading_mode).toBe('Active')
    await admin.run((redis) => redis.hset('safety:killswitch:state', 'generation', '1'))
    expect((await status()).kill_switch.mode).toBe('UNKNOWN')
    await players.killSwitch('NORMAL')
    expect((await status()).trading_mode).toBe('Active')
  })

  it('takes a malformed status document for none', async () => {
    players.silence('executor')
    const admin = await api.redis.link('admin')
    const write = (text: string) => admin.run((redis) => redis.set('safety:status:executor', text))
    await write('{"component":"executor","trading_mode":"Active"}')
    await statusWhen('the executor is silent', (report) => report.executor_silent)
    players.revive('executor')
    await statusWhen('the executor is back', (report) => !report.executor_silent)
  })

  it('streams the status and new audit entries, and refuses a reader too many', async () => {
    const reader = await openEvents(api.url)
    const first = await reader.next()
    expect(first.name).toBe('status')
    expect(statusReportSchema.safeParse(first.data).error).toBeUndefined()
    expect(await reader.next()).toMatchObject({ name: 'audit', data: { is_start: true } })
    const posted = (await (await api.post(api.kill('ada'))).json()) as { command_id: string }
    await eventually('the entry is streamed', async () => {
      const event = await reader.next()
      const { entries = [] } = event.data as Partial<AuditReply>
      return entries.some(({ entry }) => entry['correlation_id'] === posted.command_id)
    })
    const second = await openEvents(api.url)
    await second.next()
    const third = await get('/api/v1/events')
    expect(third.status).toBe(503)
    expect(await third.json()).toMatchObject({ error: 'STREAMS_EXHAUSTED' })
    reader.close()
    second.close()
    await eventually('a place is free', async () => {
      const again = await openEvents(api.url).catch(() => undefined)
      again?.close()
      return again !== undefined
    })
  })

  it('pages through the audit archive and refuses odd queries', async () => {
    const read = async (query: string) => {
      const response = await get(`/api/v1/audit${query}`)
      return { status: response.status, body: (await response.json()) as AuditReply }
    }
    const { body } = await read('?limit=2&after=0-0')
    expect(body.entries).toHaveLength(2)
    const next = await read(`?limit=2&after=${body.next_after}`)
    expect(next.body.entries[0]?.id).not.toBe(body.entries[1]?.id)
    for (const query of ['?limit=0', '?limit=5000', '?limit=x', '?after=now', '?unknown=1']) {
      expect([query, (await read(query)).status]).toEqual([query, 400])
    }
  })

  it('answers on loopback names only', async () => {
    const port = new URL(api.url).port
    const asked = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = http.get(
          { port, path: '/api/v1/health', headers: { host } },
          (response) => {
            response.resume()
            resolve(response.statusCode)
          },
        )
        request.on('error', reject)
      })
    expect(await asked(`127.0.0.1:${port}`)).toBe(200)
    expect(await asked(`localhost:${port}`)).toBe(200)
    expect(await asked('evil.example')).toBe(421)
  })

  it('serves the dashboard with a policy that allows nothing from elsewhere', async () => {
    const response = await get('/')
    expect(response.status).toBe(200)
    const policy = response.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    expect((await get('/no-such-file')).status).toBe(404)
    expect((await get('/../api/main.ts')).status).toBe(404)
  })

  it('documents every address of the API in OpenAPI, and nothing else', async () => {
    const document = (await (await get('/docs/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, unknown>>
    }
    expect(document.openapi).toBe('3.1.0')
    const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(listed.sort()).toEqual(
      [
        ...readPaths.map((path) => `GET ${path}`),
        'GET /docs/openapi.json',
        'POST /api/v1/commands',
      ].sort(),
    )
    const page = await (await get('/docs')).text()
    for (const path of readPaths) expect(page).toContain(path)
  })

  it('exposes the same truth as metrics', async () => {
    const text = await (await get('/metrics')).text()
    expect(text).toContain('bulkhead_trading_mode{mode="Active"} 1')
    expect(text).toContain('bulkhead_kill_switch{mode="NORMAL"} 1')
    expect(text).toMatch(/bulkhead_heartbeat_age_seconds\{component="executor"\} [\d.e-]+$/m)
    expect(text).toContain('bulkhead_open_orders 1')
  })

  it('takes only JSON for a command', async () => {
    const response = await api.post('{}', 'text/plain')
    expect(response.status).toBe(415)
    expect(await response.json()).toMatchObject({ error: 'MEDIA_TYPE_UNSUPPORTED' })
  })

  it('says that Redis is away, keeps the last known switch, and comes back by itself', async () => {
    await players.killSwitch('HARD_STOP', 'episode-10')
    await statusWhen('the kill is seen', (report) => report.trading_mode === 'Kill')
    await api.redis.kill()
    const away = await statusWhen('Redis is away', (report) => !report.safety_redis.reachable)
    expect(away).toMatchObject({
      trading_mode: 'Kill',
      executor_silent: true,
      kill_switch: { mode: 'HARD_STOP', current: false },
      safety_redis: { fault: expect.stringContaining('REDIS_') },
    })
    await statusWhen('the archive notices', (now) => now.audit_archive.state === 'LOG_UNREACHABLE')
    await api.redis.restart()
    await statusWhen('Redis is back', (report) => report.safety_redis.reachable)
    await players.killSwitch('NORMAL')
    await statusWhen('all is well', (report) => report.trading_mode === 'Active')
  })
})

type Events = {
  next: () => Promise<{ name: string; data: unknown }>
  close: () => void
}

/** A reader of the event stream; fails when the stream is refused. */
async function openEvents(url: string): Promise<Events> {
  const abort = new AbortController()
  const response = await fetch(`${url}/api/v1/events`, { signal: abort.signal })
  if (response.status !== 200 || response.body === null) throw new Error('refused')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let pending = ''
  const next = async (): Promise<{ name: string; data: unknown }> => {
    for (;;) {
      const end = pending.indexOf('\n\n')
      if (end >= 0) {
        const frame = pending.slice(0, end)
        pending = pending.slice(end + 2)
        const match = /^event: (\w+)\ndata: (.*)$/.exec(frame)
        if (match) return { name: match[1] ?? '', data: JSON.parse(match[2] ?? '') as unknown }
      } else {
        const { value, done } = await reader.read()
        if (done) throw new Error('the stream ended')
        pending += value
      }
    }
  }
  return { next, close: () => abort.abort() }
}
