import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandEnvelopeSchema } from '@bulkhead/shared/contracts/commands.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import type { EpisodeView } from '@bulkhead/shared/contracts/status.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import {
  runCli,
  startControlApi,
  type TestControlApi,
  writeStackFile,
} from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { type SafetyActor, startSafetyActor } from '../../support/safety-actor.ts'
import { startStatusPlayers, type StatusPlayers } from '../../support/status-players.ts'

const episodeAt = (phases: number, confirmed = true): EpisodeView => ({
  episode: 'episode-1',
  level: 'L1',
  trigger: 'OPERATOR_COMMAND',
  component: 'executor',
  started_wall_ms: Date.now(),
  finished: phases === 3,
  confirmed: phases === 3 && confirmed,
  phases: (['fence', 'mass_cancel', 'sever'] as const).slice(0, phases).map((phase, at) => ({
    phase,
    outcome: confirmed ? ('confirmed' as const) : ('unconfirmed' as const),
    started_ms: at * 10,
    duration_ms: 4.2,
  })),
})

describe('the bulkhead command', () => {
  let api: TestControlApi
  let actor: SafetyActor
  let players: StatusPlayers
  let isConfirming: boolean
  let needsApprover: boolean

  beforeEach(async () => {
    isConfirming = true
    needsApprover = false
    api = await startControlApi({ commandTimeoutMs: 2_000 })
    players = await startStatusPlayers(api.redis)
    actor = await startSafetyActor(api.redis, (command) => {
      if (command.type === 'RESET' && needsApprover) {
        return { outcome: 'PENDING', detail: 'a second ADMIN must approve it within 300 s' }
      }
      if (command.type !== 'KILL') {
        void players.killSwitch('NORMAL')
        players.set('dead_man_switch', { episode: null })
        return {}
      }
      void players.killSwitch('HARD_STOP', 'episode-1')
      for (const phases of [1, 2, 3]) {
        setTimeout(() => {
          players.set('dead_man_switch', { episode: episodeAt(phases, isConfirming) })
        }, phases * 100)
      }
      return {}
    })
    writeStackFile(api)
    await eventually('the stack is Active', async () => {
      const report = await fetch(`${api.url}/api/v1/status`)
      return ((await report.json()) as { trading_mode: string }).trading_mode === 'Active'
    })
  })

  afterEach(async () => {
    await players.stop()
    await actor.stop()
    await api.close()
  })

  const cli = (...argv: string[]) => runCli(api.redis.home, argv)

  it('shows mode and reason first, then components, episode, orders, positions', async () => {
    const active = await cli('status')
    expect(active.code).toBe(0)
    expect(active.out).toMatch(/^TradingMode {2}Active/)
    expect(active.out).toMatch(/executor +alive +\d+ ms/)
    expect(active.out).toContain('buy  ETH-PERPETUAL 400 @ 2871.35, filled 120, open')
    expect(active.out).toContain('BTC-PERPETUAL -1250 @ 88210.5')
    expect(active.out).not.toContain('\u001B[')

    players.silence('executor')
    const silent = await eventually('silence is noticed', async () => {
      const run = await cli('status')
      return run.code === 1 && run
    })
    expect(silent.out).toMatch(/^TradingMode {2}ReduceOnly/)
    expect(silent.out).toContain('The executor is silent.')
    expect(silent.out).toMatch(/orders +1 open \(last known/)
    const json = JSON.parse((await cli('status', '--json')).out) as { executor_silent: boolean }
    expect(json.executor_silent).toBe(true)
  })

  it('follows a kill until it is confirmed, then resets that very episode', async () => {
    const killed = await cli('kill', '--level', 'L1', '--reason', 'drill')
    expect(killed).toMatchObject({ code: 0, err: '' })
    expect(killed.out).toMatch(
      /accepted, episode episode-1[\s\S]*fence[\s\S]*sever[\s\S]*Confirmed/,
    )
    expect((await cli('status')).out).toMatch(/^TradingMode {2}Kill/)

    const reset = await cli('reset', '--reason', 'all clear')
    expect(reset.code).toBe(0)
    expect(reset.out).toContain('This clears episode episode-1 (kill switch HARD_STOP)')
    expect(reset.out).toContain('Episode episode-1 is cleared.')
    expect(await cli('reset')).toMatchObject({ code: 1, err: expect.stringContaining('nothing') })
  })

  it('previews a reset, asks for it and approves it with the key of another person', async () => {
    needsApprover = true
    await cli('kill', '--level', 'L1', '--reason', 'drill')
    const view = { needs_approver: true, pending: null, boot_grace_ms: 10_000 }
    const blocked = [{ code: 'ORDERS_REST' as const, detail: '2' }]
    players.set('dead_man_switch', {
      reset: { ...view, episode: 'episode-1', obstacles: blocked },
    })
    const shown = await eventually('the obstacle on show', async () => {
      const run = await cli('reset', '--preview')
      return run.out.includes('ORDERS_REST') && run
    })
    expect(shown.code).toBe(1)
    expect(shown.out).toContain('must beat within 10 s')
    expect(shown.out).toContain('must beat: executor (')
    players.set('dead_man_switch', { reset: { ...view, episode: 'episode-1', obstacles: [] } })
    await eventually('a free way', async () => (await cli('reset', '--preview')).code === 0)
    const json = JSON.parse((await cli('reset', '--preview', '--json')).out) as object
    expect(json).toMatchObject({ episode: 'episode-1', is_possible: true, needs_approver: true })

    const asked = await cli('reset', '--json')
    expect(asked.code).toBe(0)
    const { reply } = JSON.parse(asked.out) as { reply: { command_id: string; outcome: string } }
    expect(reply.outcome).toBe('PENDING')
    const other = ['--operator', 'alan', '--key-file', api.keyFile('alan')]
    const approved = await cli('reset', '--approve', reply.command_id, ...other)
    expect(approved).toMatchObject({ code: 0, err: '' })
    expect(approved.out).toContain('Episode episode-1 is cleared.')
    const sent = JSON.parse(actor.received.at(-1)!) as { key_id: string }
    expect(sent.key_id).toBe('alan#1')
    expect((await cli('reset', '--approve', reply.command_id, '--operator', 'alan')).code).toBe(2)
  })

  it('kills past the control API when that is gone, with the same signature', async () => {
    await api.stop()
    expect((await cli('kill', '--level', 'L1', '--reason', 'drill')).code).toBe(3)
    const killed = await cli('kill', '--direct', '--level', 'L1', '--reason', 'drill')
    expect(killed).toMatchObject({ code: 0, err: '' })
    expect(killed.out).toMatch(/accepted, episode episode-1[\s\S]*sever[\s\S]*Confirmed/)
    const envelope = commandEnvelopeSchema.parse(JSON.parse(actor.received.at(-1) ?? ''))
    expect(envelope.key_id).toBe('ada#1')
    const stackFile = api.redis.layout.stackFile
    const stack = JSON.parse(readFileSync(stackFile, 'utf8')) as Stack
    const redis = { ...stack.redis, socket_path: join(api.redis.home, 'none.sock') }
    writeFileSync(stackFile, JSON.stringify({ ...stack, redis }))
    const unheard = await cli('kill', '--direct', '--level', 'L1', '--reason', 'drill')
    expect(unheard).toMatchObject({ code: 3, err: expect.stringContaining('REDIS_UNREACHABLE') })
  })

  it('says that a kill is not confirmed, and exits with status 1', async () => {
    isConfirming = false
    const killed = await cli('kill', '--level', 'L1', '--reason', 'drill')
    expect(killed.code).toBe(1)
    expect(killed.err).toContain('NOT CONFIRMED')
  })

  it('reports a refusal with its code, and a key that cannot be used', async () => {
    writeStackFile(api, 'vera')
    const refused = await cli('kill', '--level', 'L2', '--reason', 'drill')
    expect(refused).toMatchObject({ code: 1, err: 'REFUSED PERMISSION_DENIED\n' })
    writeStackFile(api, 'nobody')
    const keyless = await cli('kill', '--level', 'L2', '--reason', 'drill')
    expect(keyless).toMatchObject({ code: 3, err: expect.stringContaining('KEY_UNUSABLE') })
  })

  it('explains a judged intent gate by gate, and says when it knows nothing', async () => {
    const intentId = '3f2a9c1b-7d42-4000-8000-000000000001'
    const record = {
      intent_id: intentId,
      run_id: 'run-1',
      strategy_id: 'example',
      decided_ms: Date.now(),
      intent_class: 'OPEN',
      verdict: 'denied',
      reject_reason_code: 'NetEdgeTooLow',
      refused_by: 'NetEdge',
      passed: ['Liquidity', 'PostOnly'],
      wish: { instrument: 'BTC-PERPETUAL', side: 'buy', fair_price: null },
      inputs: { best_bid: 59_999.5, trading_mode: 'Active' },
      figures: { net_edge_usd: '0.4' },
      order: null,
    }
    const trading = await api.redis.link('trading')
    const fields = { 'denied-0': JSON.stringify(record), 'denied-1': '{}', 'denied-2': 'x' }
    await trading.run((redis) => redis.hset(redisKeys.decisions, fields))
    const explained = await cli('explain', intentId)
    expect(explained).toMatchObject({ code: 0, err: '' })
    expect(explained.out).toContain('DENIED NetEdgeTooLow')
    expect(explained.out).toMatch(/passed {3}Liquidity\n.*passed {3}PostOnly\n/)
    expect(explained.out).toContain('refused  NetEdge: NetEdgeTooLow (net_edge_usd=0.4)')
    expect(explained.out).toContain('fair_price=unknown')
    const json = JSON.parse((await cli('explain', intentId, '--json')).out) as object
    expect(json).toEqual({ decisions: [record] })
    const other = intentId.replace('01', '02').replace(/1$/, '2')
    expect(await cli('explain', other)).toMatchObject({
      code: 1,
      err: expect.stringContaining('knows nothing of this intent'),
    })
    expect((await cli('explain', 'x')).code).toBe(2)
    expect((await cli('explain')).code).toBe(2)
  })

  it('tails the audit log', async () => {
    await cli('kill', '--level', 'L0', '--reason', 'tail me')
    const tailed = await eventually('the outcome is archived', async () => {
      const run = await cli('audit', 'tail', '-n', '5')
      return run.out.includes('COMMAND_OUTCOME') && run
    })
    expect(tailed.out).toMatch(/COMMAND_ACCEPTED +operator:ada .*reason=tail me/)
    const lines = (await cli('audit', 'tail', '-n', '2', '--json')).out.trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { writer: string }).writer)).toEqual([
      'control_api',
      'control_api',
    ])
  })

  it('finds the audit trail whole, and names the first entry that is bad or gone', async () => {
    const whole = await cli('audit', 'verify')
    expect(whole).toMatchObject({ code: 0, out: expect.stringContaining('is whole') })

    const { layout } = api.redis
    const spool = layout.auditSpoolFile('executor')
    writeFileSync(spool, `${JSON.stringify({ writer: 'executor', chain: 'c', seq: '1' })}\n`)
    const malformed = await cli('audit', 'verify')
    expect(malformed).toMatchObject({ code: 1, out: expect.stringContaining('ENTRY_MALFORMED') })
    writeFileSync(spool, 'half a li')
    expect(await cli('audit', 'verify')).toMatchObject({ code: 0 })

    const admin = await api.redis.link('admin')
    const log = await admin.run((redis) => redis.xrange(redisKeys.auditLog, '-', '+'))
    const [, second] = log.ok ? log.value : []
    await admin.run((redis) => redis.xdel(redisKeys.auditLog, second?.[0] ?? ''))
    const holed = await cli('audit', 'verify')
    expect(holed).toMatchObject({ code: 1 })
    expect(holed.out).toMatch(/NOT WHOLE.*\n {2}(SEQ_GAP|LOG_ENTRY_MISSING) at entry 2 of /)
  })

  it('examines the installation and says what to do', async () => {
    const run = await cli('doctor')
    expect(run.code).toBe(1)
    expect(run.out).toMatch(/OK +node/)
    expect(run.out).toMatch(/OK +safety redis +reachable as auditor, appendfsync always/)
    expect(run.out).toMatch(/OK +control_api +pid \d+/)
    expect(run.out).toMatch(/FAIL +venue [\s\S]*-> no order can be placed/)
    const findings = JSON.parse((await cli('doctor', '--json')).out) as { check: string }[]
    expect(findings.map(({ check }) => check)).toContain('supervisor')
  })

  it('ends quietly when its reader leaves early', async () => {
    const launcher = join(projectRoot, 'control-plane/cli/bulkhead.mjs')
    const argv = [launcher, 'audit', 'tail', '--follow', '--home', api.redis.home]
    const child = spawn(process.execPath, argv)
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    const closed = once(child, 'close')
    await once(child.stdout, 'data')
    child.stdout.destroy()
    await api.post(api.kill('ada'))
    expect(await closed).toEqual([0, null])
    expect(errors).toBe('')
  })

  it('distinguishes wrong usage, a bad answer and a stack that is not there', async () => {
    expect(await cli('help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Exit status'),
    })
    expect((await cli()).code).toBe(2)
    expect((await cli('explode')).code).toBe(2)
    expect((await cli('kill', '--level', 'L9', '--reason', 'x')).code).toBe(2)
    expect((await cli('kill', '--level', 'L1')).code).toBe(2)
    expect((await cli('audit', 'tail', '-n', 'many')).code).toBe(2)
    expect((await cli('status', '--frobnicate')).code).toBe(2)
    expect((await cli('health')).out).toContain('contract_version  5.2')
    expect((await runCli('/nonexistent', ['status'])).code).toBe(3)
    await api.stop()
    expect(await cli('status')).toMatchObject({
      code: 3,
      err: expect.stringContaining('API_UNREACHABLE'),
    })
    expect((await cli('audit', 'verify')).code).toBe(0)
  })
})
