import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { FencerClient } from '@bulkhead/safety-plane/sever/fencer-client.ts'
import { cgroup2Mount } from '../../../deploy/bootstrap/cgroups.ts'
import { eventually } from '../../support/eventually.ts'
import { spawnNode, startNode, type StartedProcess } from './support/process.ts'
import { createWorld, killCommand, rowsOf } from './support/safety-world.ts'
import { isAlive, makeGroup, ownUid, type TestGroup, writableMount } from './support/severing.ts'

const mainFile = join(projectRoot, 'safety-plane/fencer/main.ts')
const safetyFile = join(projectRoot, 'safety-plane/dead-man-switch/main.ts')
const mount = writableMount()
/** Nobody: a user that owns nothing here. */
const clientUid = ownUid === 0 ? 65_534 : ownUid

/** Another user, who may read everything, so that this project can be run, and do nothing. */
const as = (uid: number) => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${uid}`,
  '--clear-groups',
  '--inh-caps=-all,+dac_read_search',
  '--ambient-caps=-all,+dac_read_search',
  '--bounding-set=-all,+dac_read_search',
]

let folder: string
let config: Record<string, unknown> & { readonly socketPath: string }
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-fencer-'))
  chmodSync(folder, 0o755)
  config = {
    component: 'fencer',
    logFile: join(folder, 'fencer.log'),
    socketPath: join(folder, 'fencer.sock'),
    clientUid,
    cgroupMount: mount ?? cgroup2Mount(),
    targets: [{ component: 'executor', cgroup: '/bulkhead-no-such-group' }],
    requestTimeoutMs: 200,
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const writeConfig = (parts: Record<string, unknown> = {}) => {
  const file = join(folder, 'fencer.json')
  writeFileSync(file, JSON.stringify({ ...config, ...parts }))
  chmodSync(file, 0o644)
  return file
}
const startFencer = (parts: Record<string, unknown> = {}) =>
  startNode(mainFile, ['--config', writeConfig(parts)])
const ask = (verb: 'kill' | 'state', component = 'executor') =>
  new FencerClient(config.socketPath, 5_000).ask({ verb, component })

/** Sends raw bytes, hangs up if told to, and gives back all that is answered until the end. */
function send(bytes: string | Buffer, hangUp = true): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket: Socket = connect(config.socketPath, () => {
      socket.write(bytes)
      if (hangUp) socket.end()
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('error', () => resolve(answer))
    socket.on('close', () => resolve(answer))
  })
}

describe('the fencer', () => {
  let fencer: StartedProcess
  beforeAll(async () => {
    fencer = await startFencer()
  })
  afterAll(() => fencer.kill())

  test('listens on a socket of mode 0600 that belongs to the safety plane', () => {
    const { mode, uid } = statSync(config.socketPath)
    expect([mode & 0o777, uid]).toEqual([0o600, clientUid])
  })

  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['noise', Buffer.from(Array.from({ length: 60 }, (_, at) => (at * 37) % 256))],
    ['a megabyte', Buffer.alloc(1_000_000, 0x61)],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['two requests in one', 'state executor\nkill executor\n'],
    ['a path', 'kill /bulkhead.slice\n'],
    ['a way up', 'kill ../..\n'],
    ['a pid', 'kill 1\n'],
    ['a null byte', 'kill executor\0\n'],
    ['an inherited property', 'kill __proto__\n'],
    ['half a request', 'kill execu'],
  ])('refuses %s', async (_what, bytes) => {
    expect(['REFUSED_MALFORMED\n', '']).toContain(await send(bytes))
    expect(await ask('state')).toBe('ABSENT')
  })

  test('answers for what its configuration names and nothing else', async () => {
    expect(await ask('state')).toBe('ABSENT')
    expect(await ask('kill')).toBe('KILL_FAILED')
    for (const other of ['redis', 'dead_man_switch', 'orchestrator', 'constructor']) {
      expect(await ask('kill', other)).toBe('REFUSED_UNKNOWN_COMPONENT')
    }
  })

  test('lets nobody wait on it: a client that sends nothing is hung up on', async () => {
    expect(await send('kill', false)).toBe('')
    expect(await send('', false)).toBe('')
  })

  test('is not kept busy by more clients than it takes', async () => {
    const held = Array.from({ length: 64 }, () => connect(config.socketPath).on('error', () => {}))
    await eventually('an answer', async () => (await ask('state')) === 'ABSENT')
    for (const socket of held) socket.destroy()
  })

  test('cannot be reached by anybody else', async () => {
    const code = `require('node:net').connect(process.argv[2])
      .on('connect', () => process.exit(0))
      .on('error', ({ code }) => process.exit(code === 'EACCES' ? 9 : 1))`
    const script = join(folder, 'intruder.cjs')
    writeFileSync(script, code)
    chmodSync(script, 0o644)
    // Without root there is no other user to try it as: the owner gets through, as he should.
    const other = ownUid === 0 ? as(65_533) : []
    const intruder = spawnNode(script, [config.socketPath], other)
    expect(await intruder.exited).toBe(ownUid === 0 ? 9 : 0)
  })
})

describe('a start of the fencer', () => {
  const refusal = async (parts: Record<string, unknown>, mode = 0o644) => {
    const file = writeConfig(parts)
    chmodSync(file, mode)
    const started = spawnNode(mainFile, ['--config', file])
    const status = await started.exited
    return { status, stderr: started.stderr() }
  }

  test('is refused where no unified hierarchy is mounted', async () => {
    const { status, stderr } = await refusal({ cgroupMount: '/tmp' })
    expect(status).toBe(2)
    expect(stderr).toContain('CGROUP_MOUNT_INVALID')
  })

  test('is refused with a configuration that others may write', async () => {
    expect(await refusal({}, 0o666)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('OPEN_TO_OTHERS') as string,
    })
  })

  test('takes the place of the socket that a killed one left, and of nothing else', async () => {
    const first = await startFencer()
    await first.kill()
    expect(lstatSync(config.socketPath).isSocket()).toBe(true)
    const second = await startFencer()
    expect(await ask('state')).toBe('ABSENT')
    await second.kill()
    rmSync(config.socketPath)
    writeFileSync(config.socketPath, 'somebody')
    await expect(startFencer()).rejects.toThrow('SOCKET_PATH_TAKEN')
    rmSync(config.socketPath)
  })
})

describe('a dead-man switch without any right of its own', () => {
  /** Executor of another user in a group that only its owner, and the fencer, may kill. */
  async function open(group: TestGroup) {
    const watch = ['executor', 'orchestrator'].map((component) => ({
      component,
      killable: component === 'executor',
      cgroup: component === 'executor' ? group.path : null,
      uid: ownUid,
      containerCommand: null,
    }))
    const overrides = { watch, cgroupMount: mount, fencerSocket: config.socketPath }
    const world = await createWorld(overrides)
    const [executor] = await Promise.all([
      world.startComponent('executor'),
      world.startComponent('orchestrator'),
    ])
    group.join(executor.pid)
    writeFileSync(world.configFile, JSON.stringify(world.config))
    giveAway(world.redis.home)
    const safety = await startNode(
      safetyFile,
      ['--config', world.configFile],
      15_000,
      as(clientUid),
    )
    const close = async () => {
      await safety.kill()
      await world.close()
    }
    return { world, executor, close }
  }

  test('severs through the fencer what it could not signal, and only through it', async () => {
    if (mount === null || ownUid !== 0) {
      // Neither groups nor other users without root: what is left is that nothing is claimed.
      expect(
        await new FencerClient(join(folder, 'nobody'), 500).ask({ verb: 'kill', component: 'a' }),
      ).toBe('FENCER_UNREACHABLE')
      return
    }
    const group = makeGroup(mount)
    const targets = [{ component: 'executor', cgroup: group.path }]
    let fencer = await startFencer({ targets })
    const { world, executor, close } = await open(group)
    try {
      await eventually('ready', async () => (await world.status())?.ready)
      await fencer.kill()
      await eventually('not ready', async () => (await world.status())?.ready === false)
      await world.send(killCommand('L1'))
      await eventually('unconfirmed', async () =>
        rowsOf(await world.audit(), 'KILL_UNCONFIRMED').some(({ reason = '' }) =>
          reason.includes('fencer: FENCER_UNREACHABLE; pid: EPERM'),
        ),
      )
      expect(isAlive(executor.pid)).toBe(true)
      fencer = await startFencer({ targets })
      await eventually('confirmed', async () => (await world.status())?.episode?.confirmed, 20_000)
      const [verified] = rowsOf(await world.audit(), 'KILL_VERIFIED')
      expect(verified).toMatchObject({ component: 'executor', method: 'fencer' })
      expect(isAlive(executor.pid)).toBe(false)
    } finally {
      await close()
      await fencer.kill()
      await group.remove()
    }
  })
})

/** Gives a folder with all that is in it to the user of the safety plane. */
function giveAway(path: string): void {
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    const file = join(path, name)
    if (existsSync(file)) chownSync(file, clientUid, clientUid)
  }
  chownSync(path, clientUid, clientUid)
}
