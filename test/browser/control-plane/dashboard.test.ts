import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EpisodeView } from '@bulkhead/shared/contracts/status.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { approvalHash } from '@bulkhead/shared/runtime/approval-hash.ts'
import { spawnControlApi, startControlApi, type TestControlApi } from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { type SafetyActor, startSafetyActor } from '../../support/safety-actor.ts'
import {
  executorDocument,
  startStatusPlayers,
  type StatusPlayers,
} from '../../support/status-players.ts'
import { chromiumPath } from './chromium.ts'

const wide = { width: 1_440, height: 900 }
const narrow = { width: 360, height: 780 }

const episode: EpisodeView = {
  episode: 'episode-7',
  level: 'L1',
  trigger: 'HEARTBEAT_STALE',
  component: 'orchestrator',
  started_wall_ms: Date.UTC(2026, 0, 2, 3, 4, 5),
  finished: false,
  confirmed: false,
  phases: [
    { phase: 'fence', outcome: 'confirmed', started_ms: 0, duration_ms: 3 },
    { phase: 'mass_cancel', outcome: 'timed_out', started_ms: 3, duration_ms: 1_500 },
    { phase: 'sever', outcome: null, started_ms: 1_503, duration_ms: null },
  ],
}

describe('the dashboard in a real browser', () => {
  let browser: Browser
  let api: TestControlApi
  let players: StatusPlayers
  let actor: SafetyActor
  let page: Page
  let errors: string[]

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: chromiumPath(),
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
  })

  afterAll(async () => {
    await browser.close()
  })

  beforeEach(async () => {
    api = await startControlApi({ refreshIntervalMs: 100 })
    players = await startStatusPlayers(api.redis)
    actor = await startSafetyActor(api.redis)
    errors = []
    page = await browser.newPage({ viewport: wide })
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    await page.goto(api.url)
    await shows('#mode-word', 'Active')
  })

  afterEach(async () => {
    await page.close()
    await players.stop()
    await actor.stop()
    await api.close()
  })

  const textOf = async (selector: string) => (await page.textContent(selector)) ?? ''
  const shows = (selector: string, text: string) =>
    eventually(`${selector} shows ${text}`, async () => (await textOf(selector)).includes(text))

  it('shows the mode large enough for a room, with its reasons in words', async () => {
    const size = await styleOf(page, '#mode-word', 'fontSize')
    expect(Number.parseFloat(size)).toBeGreaterThan(140)
    expect(await page.title()).toBe('Active · Bulkhead')
    expect(await textOf('#reasons')).toBe('')

    players.set('executor', {
      trading_mode: 'ReduceOnly',
      mode_reasons: ['REDUCEONLY_OPEN_PERMISSION_LATCHED'],
    })
    await shows('#mode-word', 'Reduce only')
    await shows('#reasons', 'Our books and the exchange are not reconciled yet.')
    await shows('#reasons', 'REDUCEONLY_OPEN_PERMISSION_LATCHED')
    await shows('#announcer', 'Trading mode Reduce only.')

    await players.killSwitch('EMERGENCY', 'episode-7')
    await shows('#mode-word', 'Kill')
    expect(await page.getAttribute('#mode', 'data-mode')).toBe('Kill')
    expect(await page.title()).toBe('Kill · Bulkhead')
    expect(errors).toEqual([])
  })

  it('shows the running episode with the outcome of each phase', async () => {
    players.set('dead_man_switch', { episode, ready: false, not_ready_reasons: ['VENUE_AWAY'] })
    await players.killSwitch('HARD_STOP', 'episode-7')
    await shows('#kill-mode', 'Hard stop')
    await shows('#episode', 'L1 at 03:04:05 UTC: running')
    const phases = await page.$$eval('.phase', (rows) =>
      rows.map((row) => [row.firstChild?.textContent, row.getAttribute('data-outcome')]),
    )
    expect(phases).toEqual([
      ['Fence', 'confirmed'],
      ['Cancel all', 'timed_out'],
      ['Sever', 'running'],
    ])
    await shows('#alerts', 'The kill path is not ready: venue away.')
    players.set('dead_man_switch', { episode: { ...episode, finished: true } })
    await shows('#episode', 'NOT CONFIRMED')
  })

  it('shows orders, positions, safeguards and the age of every heartbeat', async () => {
    await shows('#orders', 'ETH-PERPETUAL')
    await shows('#positions', '-1,250')
    await shows('#checks', 'Cancel on disconnectarmed')
    await shows('#checks', 'Countdown at the exchangearmed')
    await shows('#checks', 'Last drill on recordnone')
    const names = await page.$$eval('.beat-name', (all) => all.map((name) => name.textContent))
    expect(names.slice(0, 5)).toEqual([
      'Executor',
      'Market data',
      'Orchestrator',
      'Dead-man switch',
      'Control API',
    ])
    players.set('executor', { orders: [], positions: [], cancel_on_disconnect: 'absent' })
    await shows('#orders', 'No open orders.')
    await shows('#positions', 'Flat: no positions.')
    await shows('#checks', 'Cancel on disconnectabsent')
  })

  it('says whether the executor is let through to the exchange', async () => {
    await shows('#checks', 'Egress gateopen')
    players.set('dead_man_switch', { egress_gate: 'closed' })
    await shows('#checks', 'Egress gateCLOSED')
    players.set('dead_man_switch', { egress_gate: 'unreachable' })
    await shows('#checks', 'Egress gateUNREACHABLE')
    await shows('#alerts', 'The egress gate does not answer')
  })

  it('shows the trade permission and the intents that were refused last', async () => {
    await shows('#checks', 'Trade permissionALLOW, 12 of 100000 today')
    await shows('#refusals', 'No intent was refused.')
    players.set('executor', {
      trade_permission: {
        ...executorDocument().trade_permission,
        decision: 'NEUTRAL',
        reason_code: 'NEUTRAL_HEALTH_NOT_GREEN',
        blocking_gate: 'health',
        precedence_rank: 3,
        error_codes: ['EXCHANGE_TIME_DRIFT'],
      },
      last_refusals: [
        {
          intent_id: '3f2a9c1b-7d42-4000-8000-000000000001',
          strategy_id: 'example',
          instrument: 'BTC-PERPETUAL',
          reject_reason_code: 'TradePermissionHealth',
          refused_by: 'TradePermission',
          decided_ms: Date.UTC(2026, 0, 2, 3, 4, 5),
        },
      ],
    })
    await shows('#checks', 'NEUTRAL: neutral health not green, exchange time drift')
    await shows('#refusals', '03:04:05 UTC')
    await shows('#refusals', 'TradePermissionHealth')
    await shows('#refusals', '3f2a9c1b-7d42-4000-8000-000000000001')
  })

  it('shows what waits for people, and does not take silence for nothing', async () => {
    await shows('#approvals', 'Unknown')
    const link = await api.redis.link('trading')
    const payload = {
      request_id: '3f2a9c1b-7d42-4000-8000-000000000002',
      tool: 'submit_order' as const,
      strategy_id: 'example',
      instrument: 'BTC-PERPETUAL',
      params: { side: 'buy', amount: '60000', limit_price: '59000' },
      tier: 'T3' as const,
      policy_version: 'v1',
      rules: ['huge_order'],
      created_ms: Date.UTC(2026, 0, 2, 3, 4, 5),
      expires_ms: Date.UTC(2026, 0, 2, 3, 9, 5),
    }
    const view = {
      payload,
      request_hash: approvalHash(payload),
      state: 'PENDING',
      granted_by: ['ada'],
      approvers_needed: 2,
      owners: [],
      ended_by: '',
    }
    const document = { run_id: 'run', wall_ms: 1, pending: [view], ended: [] }
    const publish = (text: string) =>
      link.run((redis) => redis.set(redisKeys.approvalRequests, text))
    await publish(JSON.stringify(document))
    await shows('#approvals', 'buy BTC-PERPETUAL 60000 @ 59000')
    await shows('#approvals', '1 of 2')
    await shows('#approvals', payload.request_id)
    await publish(JSON.stringify({ ...document, pending: [] }))
    await shows('#approvals', 'Nothing waits for people.')
    await publish('{')
    await shows('#approvals', 'Unknown')
  })

  it('streams new audit entries to the top', async () => {
    const first = await textOf('.entry:first-child')
    await api.post(api.kill('vera'))
    await eventually('the refusal stands above what was first', async () => {
      const entries = await page.locator('.entry').allTextContents()
      const newer = entries.slice(0, Math.max(0, entries.indexOf(first)))
      return newer.some((text) => /COMMAND_REFUSED[^]*PERMISSION_DENIED/.test(text))
    })
  })

  it('says that the executor is silent, and marks what it last said', async () => {
    players.silence('executor')
    await shows('#alerts', 'The executor is silent. Last heard')
    await shows('#mode-word', 'Reduce only')
    await shows('#reasons', 'missing or too old')
    await shows('#orders', 'Last known')
    await shows('#checks', 'Exchange connectionunknown')
    await eventually('the bar has left the first third', async () => {
      const silence = await page.getAttribute('.beat:first-child', 'data-silence')
      return silence === 'L0'
    })
    players.revive('executor')
    await shows('#mode-word', 'Active')
    expect(await textOf('#alerts')).toBe('')
  })

  it('says that the safety Redis is unreachable', async () => {
    await api.redis.kill()
    await shows('#alerts', 'The safety Redis is unreachable.')
    await shows('#mode-word', 'Reduce only')
    await api.redis.restart()
    await shows('#mode-word', 'Active')
  })

  it('cannot be mistaken for live once the API is gone, and recovers by itself', async () => {
    await api.stop()
    await shows('#mode-word', 'Not live')
    await shows('#mode-sense', 'The last known mode was Active.')
    expect(await page.title()).toBe('NOT LIVE · Bulkhead')
    expect(await page.getAttribute('html', 'data-link')).toBe('lost')
    await shows('#announcer', 'This page is not live.')
    expect(Number(await styleOf(page, '.grid', 'opacity'))).toBeLessThan(0.6)

    const { port } = new URL(api.url)
    const again = await spawnControlApi(api.configFile, { port: Number(port) })
    await shows('#mode-word', 'Active')
    expect(await page.getAttribute('html', 'data-link')).toBe('live')
    again.process.kill('SIGKILL')
    await shows('#mode-word', 'Not live')
  })

  it('treats what others wrote as text, never as markup', async () => {
    const hostile = '<img src=x onerror="document.title=1">'
    players.set('dead_man_switch', { ready: false, not_ready_reasons: [hostile] })
    await shows('#alerts', '<img src=x')
    const [order] = executorDocument().orders
    if (order !== undefined) players.set('executor', { orders: [{ ...order, state: hostile }] })
    await shows('#orders', '<img src=x')
    expect(await page.$('img')).toBeNull()
    expect(errors).toEqual([])
  })

  it('fits a narrow phone, readable in light and dark, and works by keyboard', async () => {
    await page.setViewportSize(narrow)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const overflowPx = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect(overflowPx).toBe(0)
      for (const selector of ['.mode-word', '.hint', '.beat-state', '.entry', '.checks dd']) {
        await page.waitForSelector(selector)
        const ratio = await contrastOf(page, selector)
        expect(ratio, `${selector}, ${colorScheme}`).toBeGreaterThanOrEqual(4.5)
      }
    }
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('skip')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('heartbeats')
  })
})

/** A computed style of the first match, as the browser spells it. */
async function styleOf(page: Page, selector: string, property: string): Promise<string> {
  const element = `document.querySelector(${JSON.stringify(selector)})`
  return page.evaluate(`getComputedStyle(${element}).${property}`)
}

/** Contrast of the text of the first match against the nearest opaque background (WCAG 2). */
async function contrastOf(page: Page, selector: string): Promise<number> {
  const ground = await page.evaluate<string>(`
    (function groundOf(element) {
      const colour = getComputedStyle(element).backgroundColor
      return colour === 'rgba(0, 0, 0, 0)' ? groundOf(element.parentElement) : colour
    })(document.querySelector(${JSON.stringify(selector)}))`)
  const lights = [ground, await styleOf(page, selector, 'color')].map(luminance)
  return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05)
}

/** Relative luminance of `rgb(r, g, b)`. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255
    return share <= 0.039_28 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
