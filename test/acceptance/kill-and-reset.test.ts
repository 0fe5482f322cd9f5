import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { type StackProcess, startStackProcess } from '../support/stack-process.ts'
import { waitFor } from '../support/wait.ts'

/** The life of an incident as an operator lives it, by the printed commands only. */
describe('npx bulkhead kill and reset', () => {
  let stack: StackProcess
  beforeAll(async () => {
    stack = await startStackProcess()
  })
  afterAll(() => stack.close())

  const mode = async () => {
    const { stdout } = await stack.cli('status', '--json')
    return JSON.parse(stdout) as { trading_mode: string; kill_switch: { mode: string } }
  }
  const untilMode = (wanted: string) =>
    waitFor(`mode ${wanted}`, async () => (await mode()).trading_mode === wanted, 30_000)

  test('RM-health-command: one command prints ok, build_id and contract_version', async () => {
    const { status, stdout } = await stack.cli('health')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ok +true$/m)
    expect(stdout).toMatch(/^build_id +(?:[0-9a-f]{12}|v\d\S*)$/m)
    expect(stdout).toMatch(/^contract_version +5\.2$/m)
    const json = JSON.parse((await stack.cli('health', '--json')).stdout) as object
    expect(Object.keys(json).toSorted()).toEqual(['build_id', 'contract_version', 'ok'])
    const page = readFileSync(join(projectRoot, 'docs/health_endpoint.md'), 'utf8')
    for (const word of ['npx bulkhead health', 'ok ', 'build_id ', 'contract_version ']) {
      expect(page).toContain(word)
    }
  })

  test('doctor finds a healthy stack', async () => {
    await untilMode('Active')
    const { status, stdout } = await stack.cli('doctor')
    expect(stdout).not.toContain('FAIL')
    expect(status).toBe(0)
  })

  test('L1 kills the executor for good, reset brings it back reconciled and trading', async () => {
    await untilMode('Active')
    const executor = stack.stack().components.find(({ component }) => component === 'executor')
    const killed = await stack.cli('kill', '--level', 'L1', '--reason', 'acceptance')
    expect(killed.status).toBe(0)
    const stat = readProcessStat(executor?.pid ?? 0)
    expect(stat === undefined || stat.state === 'Z').toBe(true)
    expect(await mode()).toMatchObject({ trading_mode: 'Kill', kill_switch: { mode: 'HARD_STOP' } })

    const reset = await stack.cli('reset', '--reason', 'acceptance')
    expect(`${reset.stdout}${reset.stderr}`).toContain('L1')
    expect(reset.status).toBe(0)
    await untilMode('Active')
  })

  test('ST-OD-KS_2: L2 stops what trades; log, metrics, health and observation go on', async () => {
    const { components, dashboard_url: api, home } = stack.stack()
    const pidOf = (name: string) => components.find(({ component }) => component === name)!.pid
    const isAlive = (name: string) => {
      const stat = readProcessStat(pidOf(name))
      return stat !== undefined && stat.state !== 'Z'
    }
    const trading = ['executor', 'orchestrator']
    expect(trading.map(isAlive)).toEqual([true, true])
    const killed = await stack.cli('kill', '--level', 'L2', '--reason', 'acceptance')
    expect(killed.status).toBe(0)
    expect(trading.map(isAlive)).toEqual([false, false])
    expect(['dead_man_switch', 'control_api'].map(isAlive)).toEqual([true, true])
    expect((await stack.cli('health')).stdout).toMatch(/^ok +true$/m)
    await waitFor('the metrics to tell of it', async () => {
      const metrics = await (await fetch(new URL('/metrics', api))).text()
      return [
        'bulkhead_kill_switch{mode="EMERGENCY"} 1',
        'bulkhead_component_silent{component="executor"} 1',
        'bulkhead_component_silent{component="dead_man_switch"} 0',
      ].every((line) => metrics.includes(line))
    })
    expect(await mode()).toMatchObject({ trading_mode: 'Kill', kill_switch: { mode: 'EMERGENCY' } })
    expect(readFileSync(join(home, 'log/dead_man_switch.log'), 'utf8')).toContain('"level":"L2"')
    const { stdout: tail } = await stack.cli('audit', 'tail', '-n', '50')
    expect(tail).toContain('EPISODE_FINISHED')

    expect((await stack.cli('reset', '--reason', 'acceptance')).status).toBe(0)
    await untilMode('Active')
  })

  test('the audit log tells all of it and its chains are whole', async () => {
    const { stdout: tail } = await stack.cli('audit', 'tail', '-n', '500')
    for (const action of [
      'EPISODE_STARTED',
      'KILL_VERIFIED',
      'EPISODE_FINISHED',
      'RESET_EXECUTED',
    ]) {
      expect(tail).toContain(action)
    }
    const verified = await stack.cli('audit', 'verify')
    expect(verified.status).toBe(0)
  })

  test('a reset with nothing to clear says so and changes nothing', async () => {
    const { status, stdout, stderr } = await stack.cli('reset')
    expect(status).toBe(1)
    expect(`${stdout}${stderr}`).toContain('nothing to reset')
    expect(await mode()).toMatchObject({ kill_switch: { mode: 'NORMAL' } })
  })
})
