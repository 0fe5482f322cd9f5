import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { eventually } from '../../../support/eventually.ts'
import { intent } from '../../../support/ledger-files.ts'
import { recoverAll } from '../../../support/recovered-ledger.ts'
import { readSimply } from '../../../support/simple-ledger-reader.ts'

const writerFile = join(projectRoot, 'test/support/ledger-writer.ts')
const small = { segmentBytes: 524_288, ringBytes: 262_144, batchBytesMax: 65_536 }

const isRoot = process.getuid?.() === 0

let directory: string
let children: ChildProcess[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ledger-'))
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

function startWriter(ledger: string, before: readonly string[] = [], inFlight = 8) {
  const argv = [
    ...before,
    process.execPath,
    writerFile,
    ledger,
    JSON.stringify(small),
    `${inFlight}`,
  ]
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const writer = {
    child,
    out: '',
    err: '',
    ended: Promise.resolve<Ended>({ code: 0, signal: null }),
  }
  child.stdout.on('data', (chunk: Buffer) => {
    writer.out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    writer.err += chunk.toString()
  })
  writer.ended = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return writer
}

/** Acknowledged records as the process said them before it died: number of the row and content. */
function acknowledged(out: string): [seq: number, n: number][] {
  const whole = out.slice(0, out.lastIndexOf('\n') + 1)
  return [...whole.matchAll(/^ack (\d+) (\d+)$/gm)].map((line) => [
    Number(line[1]),
    Number(line[2]),
  ])
}

/** The oracle: whatever was acknowledged, in any run, stands in the ledger as it was. */
function expectKept(ledger: string, all: readonly (readonly [number, number])[]): void {
  const recovered = recoverAll(ledger)
  if (!recovered.ok) throw new Error(JSON.stringify(recovered.failure))
  const { records, lastSeq } = recovered.value
  expect(records).toHaveLength(lastSeq)
  for (const [seq, n] of all) expect(records[seq - 1]).toEqual(intent(n))
  const simple = readSimply(ledger)
  expect(simple.map(({ seq }) => seq)).toEqual(records.map((_, at) => at + 1))
}

describe('a process that writes a ledger', () => {
  it('killed at any moment, again and again, has lost nothing that it acknowledged', async () => {
    const all: [number, number][] = []
    const rounds = 10
    for (let round = 0; round < rounds; round += 1) {
      const writer = startWriter(directory, [], 1 + round * 3)
      const wanted = round % 3 === 0 ? 0 : 40 * round
      await eventually('it writes', () => writer.out.split('ack').length > wanted)
      writer.child.kill('SIGKILL')
      expect(await writer.ended).toEqual({ code: null, signal: 'SIGKILL' })
      const acks = acknowledged(writer.out)
      expect(acks.map(([seq]) => seq)).toEqual(acks.map((_, at) => (acks[0]?.[0] ?? 0) + at))
      all.push(...acks)
      expectKept(directory, all)
    }
    expect(all.length).toBeGreaterThan(rounds * 20)
  })

  it('keeps a second one out while it lives, and no longer', async () => {
    const first = startWriter(directory)
    await eventually('the first writes', () => first.out.includes('ack'))
    const second = startWriter(directory)
    expect(await second.ended).toEqual({ code: 2, signal: null })
    expect(second.out).toBe('refused LEDGER_LOCKED\n')
    first.child.kill('SIGKILL')
    await first.ended
    const third = startWriter(directory)
    await eventually('the third writes', () => third.out.includes('ack'))
  })

  it('does not begin where a file of its size cannot be, and says so', async () => {
    const limited = startWriter(directory, ['sh', '-c', 'ulimit -f 512; exec "$0" "$@"'])
    const { signal } = await limited.ended
    expect(signal).toBe('SIGKILL')
    expect(limited.err).toContain('the ledger cannot be written')
    expect(limited.out).toBe('')
    const again = startWriter(directory)
    await eventually('it begins where it can', () => again.out.includes('ack'))
  })

  it('is refused where nothing may be written, keeps what is there, and goes on after', async () => {
    const disk = join(directory, 'disk')
    const ledger = join(disk, 'ledger')
    mkdirSync(disk)
    // Root writes whatever a mode says; for root it is a file system of its own.
    const mount = (...options: string[]) => {
      expect(spawnSync('mount', [...options, disk]).status).toBe(0)
    }
    if (isRoot) mount('-t', 'tmpfs', '-o', 'size=64m', 'tmpfs')
    try {
      const first = startWriter(ledger)
      await eventually('it writes', () => first.out.includes('ack'))
      first.child.kill('SIGKILL')
      await first.ended
      const acks = acknowledged(first.out)
      if (isRoot) mount('-o', 'remount,ro')
      else chmodSync(ledger, 0o500)
      const refused = startWriter(ledger)
      expect(await refused.ended).toEqual({ code: 2, signal: null })
      expect(refused.out).toBe('refused LEDGER_IO\n')
      if (isRoot) mount('-o', 'remount,rw')
      else chmodSync(ledger, 0o700)
      const last = startWriter(ledger)
      await eventually('it writes again', () => last.out.includes('ack'))
      last.child.kill('SIGKILL')
      await last.ended
      expectKept(ledger, [...acks, ...acknowledged(last.out)])
    } finally {
      if (isRoot) spawnSync('umount', ['-l', disk])
    }
  })

  it('ST-10: takes records and turns its loop while the disk holds up a sync', async () => {
    const at = (path: string) => JSON.stringify(join(projectRoot, path))
    const slow = join(directory, 'slow.mjs')
    writeFileSync(
      slow,
      `import fs from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      import { isMainThread } from 'node:worker_threads'
      const never = new Int32Array(new SharedArrayBuffer(4))
      const real = fs.fdatasyncSync
      let syncs = 0
      fs.fdatasyncSync = (handle) => {
        syncs += 1
        // The file and the record of the run are on the disk; what follows waits.
        if (!isMainThread && syncs > 3) Atomics.wait(never, 0, 0, 60_000)
        real(handle)
      }
      syncBuiltinESMExports()`,
    )
    const program = join(directory, 'turning.mjs')
    writeFileSync(
      program,
      `import { setImmediate as turn } from 'node:timers/promises'
      import { openLedger } from ${at('trading-plane/ledger/file-ledger.ts')}
      import { systemClock } from ${at('shared/runtime/system-clock.ts')}
      import { intent } from ${at('test/support/ledger-files.ts')}
      const directory = ${JSON.stringify(join(directory, 'ledger'))}
      const opened = await openLedger({ directory, runId: 'r', clock: systemClock })
      const { ledger } = opened.value
      const before = ledger.durableSeq
      let acknowledged = 0
      for (let n = 1; n <= 1_000; n += 1) {
        void ledger.append(intent(n)).then(() => { acknowledged += 1 })
        await turn()
      }
      const { wal_queue_depth: waiting } = ledger.counters()
      console.log(JSON.stringify({ durable: ledger.durableSeq - before, acknowledged, waiting }))
      process.kill(process.pid, 'SIGKILL')`,
    )
    const { stdout } = spawnSync(process.execPath, ['--import', slow, program], {
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout)).toEqual({ durable: 0, acknowledged: 0, waiting: 1_000 })
  })

  it('ends at once when its writer thread dies, and keeps what was durable', async () => {
    const at = (path: string) => JSON.stringify(join(projectRoot, path))
    const program = join(directory, 'dying.mjs')
    writeFileSync(
      program,
      `import { Worker } from 'node:worker_threads'
      import { setTimeout as delay } from 'node:timers/promises'
      import { openLedger } from ${at('trading-plane/ledger/file-ledger.ts')}
      import { systemClock } from ${at('shared/runtime/system-clock.ts')}
      const workers = []
      const on = Worker.prototype.on
      Worker.prototype.on = function (...args) { workers.push(this); return on.apply(this, args) }
      const directory = ${JSON.stringify(join(directory, 'ledger'))}
      const opened = await openLedger({ directory, runId: 'r', clock: systemClock })
      console.log('open', opened.ok)
      void workers[0].terminate()
      await delay(60_000)`,
    )
    const child = spawn(process.execPath, [program])
    children.push(child)
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
    }
    const ended = await new Promise((resolve) => {
      child.once('close', (status, signal) => resolve({ status, signal }))
    })
    expect(ended).toEqual({ status: null, signal: 'SIGKILL' })
    expect(said).toContain('open true')
    expect(said).toContain('the writer of the ledger ended')
    expectKept(join(directory, 'ledger'), [])
  })
})

/** What needs root or a tracer is proven wherever the machine has it. */
const hasStrace = spawnSync('strace', ['-f', 'true']).status === 0

if (isRoot) {
  describe('on a small file system of its own', () => {
    it.each([1, 3_000])(
      'with %i bytes to spare it ends on a full disk and goes on when there is room',
      async (spare) => {
        const mount = join(directory, 'disk')
        mkdirSync(mount)
        const size = 3 * small.segmentBytes + 65_536 + spare
        const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mount])
        expect(mounted.status).toBe(0)
        try {
          const ledger = join(mount, 'ledger')
          const writer = startWriter(ledger)
          const { signal } = await writer.ended
          expect(signal).toBe('SIGKILL')
          expect(writer.err).toMatch(/ENOSPC|the disk/)
          const acks = acknowledged(writer.out)
          expect(acks.length).toBeGreaterThan(0)
          expectKept(ledger, acks)
          const again = startWriter(ledger)
          const { code, signal: by } = await again.ended
          expect(code === 2 || by === 'SIGKILL').toBe(true)
          expect(again.out + again.err).toMatch(/LEDGER_IO|ENOSPC|the disk/)
          const more = spawnSync('mount', ['-o', 'remount,size=64m', mount])
          expect(more.status).toBe(0)
          const last = startWriter(ledger)
          await eventually('it writes again', () => last.out.includes('ack'))
          last.child.kill('SIGKILL')
          await last.ended
          expectKept(ledger, [...acks, ...acknowledged(again.out), ...acknowledged(last.out)])
        } finally {
          spawnSync('umount', ['-l', mount])
        }
      },
    )
  })
}

if (hasStrace) {
  describe('under a tracer that makes the disk fail', () => {
    const traced = (trace: string, inject: string) =>
      startWriter(join(directory, 'ledger'), ['strace', '-f', '-o', trace, '-e', inject])

    it.each([
      ['fdatasync', 'EIO', 12],
      ['pwritev', 'EIO', 5],
      ['pwritev', 'ENOSPC', 9],
      ['rename', 'EIO', 4],
    ])(
      'a %s that fails with %s ends the process; none is tried again',
      async (call, error, nth) => {
        const trace = join(directory, 'trace')
        const writer = traced(trace, `inject=${call}:error=${error}:when=${nth}`)
        const { signal } = await writer.ended
        expect(signal).toBe('SIGKILL')
        expect(writer.err).toContain(error)
        const lines = readFileSync(trace, 'utf8').split('\n')
        const failedAt = lines.findIndex((line) => line.includes('INJECTED'))
        const thread = lines[failedAt]?.split(/\s/)[0] ?? 'none'
        const after = lines.slice(failedAt + 1).filter((line) => line.startsWith(thread))
        expect(after.filter((line) => /fdatasync|fsync|pwrite/.test(line))).toEqual([])
        expectKept(join(directory, 'ledger'), acknowledged(writer.out))
      },
    )

    it('acknowledges nothing before the sync of its batch has returned', async () => {
      const trace = join(directory, 'trace')
      const ledger = join(directory, 'ledger')
      const inject = 'inject=fdatasync:delay_exit=20000:when=5+'
      const writer = startWriter(ledger, ['strace', '-f', '-o', trace, '-e', inject], 1)
      await eventually('it writes', () => acknowledged(writer.out).length > 20)
      // The tracer heeds no signal of its own while it traces; it ends with what it traces.
      const owner = JSON.parse(readFileSync(join(ledger, 'lock'), 'utf8')) as { pid: number }
      process.kill(owner.pid, 'SIGKILL')
      await writer.ended
      const lines = readFileSync(trace, 'utf8').split('\n')
      const thread = lines.find((line) => line.includes('pwritev('))?.split(/\s/)[0] ?? 'none'
      let isWritten = false
      let synced = 0
      let acks = 0
      for (const line of lines) {
        const isWriter = line.startsWith(thread)
        if (isWriter && line.includes('pwritev(')) isWritten = true
        if (isWriter && isWritten && /fdatasync.*= 0/.test(line)) {
          synced += 1
          isWritten = false
        }
        if (/write\(1, "ack /.test(line)) {
          acks += 1
          // The first batch holds the record of the run.
          expect(synced).toBeGreaterThanOrEqual(acks + 1)
        }
      }
      expect(acks).toBeGreaterThan(20)
    })
  })
}

describe('the space of a ledger', () => {
  it('is taken before it is needed: a file has its full size from the start', async () => {
    const writer = startWriter(directory)
    await eventually('it writes', () => writer.out.includes('ack'))
    const [name = ''] = readdirSync(directory).filter((each) => each.endsWith('.wal'))
    const { size, blocks } = statSync(join(directory, name))
    expect(size).toBe(small.segmentBytes)
    expect(blocks * 512).toBeGreaterThanOrEqual(small.segmentBytes)
  })
})
