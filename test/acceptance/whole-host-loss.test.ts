import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { startStackProcess } from '../support/stack-process.ts'
import { waitFor } from '../support/wait.ts'

type VenueState = {
  readonly accounts: readonly { readonly open_orders: readonly { session: string | null }[] }[]
  readonly counters: Readonly<Record<string, number>>
}

const isAlive = (pid: number) => {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.state !== 'Z'
}

/** `npm run NAME -- ARGS` against the stack of a home, as an operator calls it. */
async function npmRun(home: string, ...args: string[]) {
  const env = { ...process.env, BULKHEAD_HOME: home }
  const npm = spawn('npm', ['run', ...args], { cwd: projectRoot, env, stdio: 'pipe' })
  let output = ''
  npm.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  npm.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [status] = (await once(npm, 'close')) as [number | null]
  return { status, output }
}

test('SIGKILL of everything we run leaves no order of ours at the exchange', async () => {
  const started = await startStackProcess()
  try {
    const stack = started.stack()
    const { control_url: url, control_token_file: tokenFile, http_url: httpUrl } = stack.venue
    const token = readFileSync(tokenFile!, 'utf8').trim()
    const state = async () => {
      const headers = { authorization: `Bearer ${token}` }
      const reply = await fetch(new URL('/state', url!), { headers })
      return (await reply.json()) as VenueState
    }
    const resting = async () => (await state()).accounts.flatMap((account) => account.open_orders)

    // One order without a connection, as a bot over REST places them: nothing but the countdown
    // ever takes it.
    const config = JSON.parse(readFileSync(`${stack.home}/config/paper_venue.json`, 'utf8')) as {
      accounts: { keys: { clientId: string; clientSecretFile: string }[] }[]
    }
    const key = config.accounts[0]!.keys[0]!
    const secret = readFileSync(key.clientSecretFile, 'utf8').trim()
    const placed = await fetch(
      `${httpUrl}/api/v2/private/buy?instrument_name=ETH-PERPETUAL&amount=1&type=limit&price=900`,
      { headers: { authorization: `Basic ${btoa(`${key.clientId}:${secret}`)}` } },
    )
    expect(placed.status).toBe(200)
    await waitFor(
      'orders with and without a connection',
      async () => {
        const sessions = (await resting()).map(({ session }) => session)
        return sessions.includes(null) && sessions.some((session) => session !== null)
      },
      30_000,
    )
    const armed = /backstops +cancel all after \(10 s\) armed, cancel on disconnect armed/
    await waitFor(
      'both switches of the exchange armed',
      async () => armed.test((await started.cli('status')).stdout),
      20_000,
    )

    // What is proven of keys and drills is put on record beside a running desk.
    const record = join(stack.home, 'key_scope_probe.json')
    const trading = join(stack.home, 'secrets', 'venue-trading')
    const args = ['keys', '--', '--trading-secret', trading, '--out', record]
    const probed = await npmRun(stack.home, ...args)
    expect(probed).toMatchObject({ status: 0 })
    expect(JSON.parse(readFileSync(record, 'utf8'))).toMatchObject({ least_privilege: true })
    const evidence = join(stack.home, 'evidence')
    mkdirSync(evidence)
    const drill = (ok: boolean) => {
      const passed = { ok, level: 'L2', at: new Date().toISOString(), build_id: stack.build_id }
      writeFileSync(join(evidence, 'drill.json'), JSON.stringify(passed))
      return npmRun(stack.home, 'drill:record', '--', evidence)
    }
    expect(await drill(false)).toMatchObject({ status: 1 })
    expect(await drill(true)).toMatchObject({ status: 0 })
    await waitFor(
      'the drill on record',
      async () => /last drill +L2 passed/.test((await started.cli('status')).stdout),
      20_000,
    )

    // The supervisor first, so that nothing is restarted; the exchange is not ours to kill.
    const venuePid = stack.components.find(({ component }) => component === 'paper_venue')!.pid
    const ours = [
      stack.supervisor_pid,
      ...stack.components.map(({ pid }) => pid).filter((pid) => pid !== venuePid),
    ]
    for (const pid of ours) process.kill(pid, 'SIGKILL')
    await waitFor('the death of all', () => ours.every((pid) => !isAlive(pid)), 10_000)

    await waitFor('no order of ours', async () => (await resting()).length === 0, 20_000)
    const { cancelledByCountdown, cancelledOnDisconnect } = (await state()).counters
    expect(cancelledByCountdown).toBeGreaterThan(0)
    expect(cancelledOnDisconnect).toBeGreaterThan(0)
    process.kill(venuePid, 'SIGTERM')
    await waitFor('the end of the exchange', () => !isAlive(venuePid), 10_000)
  } finally {
    await started.close()
  }
})
