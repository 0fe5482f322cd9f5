import '@bulkhead/shared/runtime/runtime-version.ts'
import { type ChildProcess, fork } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseSync } from 'oxc-parser'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { type Mutant, mutantsOf, type Node } from './mutants.core.ts'
import type { Job, Verdict } from './worker.ts'

/**
 * `npm run mutation`: changes the gates and the mode resolver at one place at a time and asks the
 * unit tests to notice. Prints the score of each file and every survivor that has no reason in
 * `survivors.json`; ends with a status other than 0 when there is one, or the score is too low.
 */
const targets = ['trading-plane/engine/gates', 'trading-plane/engine/trading-mode']
const copied = [
  'shared',
  'trading-plane',
  'control-plane',
  'test/unit/trading-plane',
  'test/support',
]
/** Tests that notice the changes of files that have no test of their own name. */
const nearest: Readonly<Record<string, string>> = {
  'pending-exposure.ts': 'exposure.test.ts',
  'global-exposure.ts': 'exposure.test.ts',
  'inventory-ratio.ts': 'inventory-skew.test.ts',
  'fair-price.ts': 'ioc-price.test.ts',
  'churn-breaker.ts': 'churn.test.ts',
  'gate.ts': 'exposure.test.ts',
  'intent-rate.ts': 'engine.test.ts',
  'net-edge.ts': 'fees.test.ts',
  'open-orders.ts': 'engine.test.ts',
  'open-permission.ts': 'engine.test.ts',
  'order-notional.ts': 'engine.test.ts',
  'post-only.ts': 'order-type.test.ts',
  'rate-limit-brownout.ts': 'rate-limit.test.ts',
}
const scoreMin = 0.9
/** A mutant that runs longer than this, on whatever machine, runs for ever. */
const mutantMsMax = 180_000

type Reason = { readonly mutant: string; readonly reason: string }
const reasonsFile = join(import.meta.dirname, 'survivors.json')

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    workers: { type: 'string', default: String(Math.max(1, cpus().length)) },
  },
})

process.exitCode = await main()

async function main(): Promise<number> {
  const mutants = findMutants()
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-mutation-'))
  process.stdout.write(`${mutants.length} mutants\n`)
  try {
    return report(mutants, await judgeAll(mutants, home))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function findMutants(): Mutant[] {
  const found: Mutant[] = []
  for (const folder of targets) {
    for (const name of readdirSync(join(projectRoot, folder)).toSorted()) {
      const file = `${folder}/${name}`
      // Settings and their types have nothing to decide.
      if (!name.endsWith('.ts') || name === 'config.ts' || !isAsked(file)) continue
      const source = readFileSync(join(projectRoot, file), 'utf8')
      const { program } = parseSync(file, source)
      found.push(...mutantsOf(file, source, program as unknown as Node, found.length))
    }
  }
  return found
}

function isAsked(file: string): boolean {
  return options.only.split(',').some((part) => file.includes(part))
}

async function judgeAll(mutants: readonly Mutant[], home: string): Promise<Set<number>> {
  const survivors = new Set<number>()
  const waiting = [...mutants]
  let done = 0
  const lane = async (number: number) => {
    const copy = copySources(join(home, String(number)))
    let child: ChildProcess | undefined
    let file = ''
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      child ??= fork(join(import.meta.dirname, 'worker.ts'), { silent: true, cwd: copy })
      if (file !== mutant.file) await assertSound(child, mutant, copy)
      file = mutant.file
      const verdict = await ask(child, { mutant, first: testOf(file), copy })
      if (verdict === 'hung') {
        child.kill('SIGKILL')
        child = undefined
        restore(copy, mutant.file)
      } else if (!verdict.isKilled) {
        survivors.add(mutant.id)
        process.stdout.write(`line ${mutant.line} of ${nameOf(mutant)}\n`)
      }
      done += 1
      if (done % 10 === 0) {
        process.stdout.write(`${done} of ${mutants.length}, ${survivors.size} survive\n`)
      }
    }
    child?.kill()
  }
  await Promise.all([...Array(Number(options.workers)).keys()].map(lane))
  return survivors
}

/**
 * The tests pass on unchanged sources, and on those of which the last mutant was taken back;
 * otherwise everything would count as killed.
 */
async function assertSound(child: ChildProcess, mutant: Mutant, copy: string): Promise<void> {
  const unchanged = { ...mutant, to: mutant.from }
  const verdict = await ask(child, { mutant: unchanged, first: testOf(mutant.file), copy })
  if (verdict !== 'hung' && !verdict.isKilled) return
  throw new Error(`the tests fail without any change of ${mutant.file}`)
}

/** A verdict, or `hung` when there is none in time: a loop without an end was noticed, too. */
async function ask(child: ChildProcess, job: Job): Promise<Verdict | 'hung'> {
  const { promise, resolve, reject } = Promise.withResolvers<Verdict | 'hung'>()
  const timer = setTimeout(() => resolve('hung'), mutantMsMax)
  const onExit = () => reject(new Error(`the judge of ${nameOf(job.mutant)} died`))
  child.once('message', resolve)
  child.once('exit', onExit)
  child.send(job)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.off('message', resolve)
    child.off('exit', onExit)
  }
}

/** Sources of its own with the installed packages of this one. */
function copySources(copy: string): string {
  for (const folder of copied) {
    cpSync(join(projectRoot, folder), join(copy, folder), { recursive: true })
  }
  cpSync(join(projectRoot, 'package.json'), join(copy, 'package.json'))
  const packages = join(projectRoot, 'node_modules')
  mkdirSync(join(copy, 'node_modules', '@bulkhead'), { recursive: true })
  for (const name of readdirSync(packages)) {
    if (name !== '@bulkhead') symlinkSync(join(packages, name), join(copy, 'node_modules', name))
  }
  for (const plane of ['shared', 'trading-plane', 'control-plane']) {
    symlinkSync(join(copy, plane), join(copy, 'node_modules', '@bulkhead', plane))
  }
  return copy
}

function restore(copy: string, file: string): void {
  cpSync(join(projectRoot, file), join(copy, file))
}

function testOf(file: string): string {
  const name = basename(file)
  return `/${nearest[name] ?? name.replace('.ts', '.test.ts')}`
}

function report(mutants: readonly Mutant[], survivors: ReadonlySet<number>): number {
  const reasons = JSON.parse(readFileSync(reasonsFile, 'utf8')) as Reason[]
  const known = new Map(reasons.map(({ mutant, reason }) => [mutant, reason]))
  const left = mutants.filter(({ id }) => survivors.has(id))
  const rows = [...new Set(mutants.map(({ file }) => file))].map((file) => {
    const total = mutants.filter((mutant) => mutant.file === file).length
    const alive = left.filter((mutant) => mutant.file === file).length
    return { file, total, killed: total - alive, score: (total - alive) / total }
  })
  for (const { file, total, killed, score } of rows) {
    process.stdout.write(`${(score * 100).toFixed(1).padStart(5)} %  ${killed}/${total}  ${file}\n`)
  }
  const unexplained = left.filter((mutant) => !known.has(nameOf(mutant)))
  for (const mutant of unexplained) process.stdout.write(`SURVIVES ${nameOf(mutant)}\n`)
  const outdated = options.only === '' ? withoutMutant(reasons, mutants) : []
  for (const name of outdated) process.stdout.write(`NO SUCH MUTANT ${name}\n`)
  const score = (mutants.length - left.length) / mutants.length
  process.stdout.write(
    `${(score * 100).toFixed(1)} % of ${mutants.length} mutants killed, ` +
      `${left.length} survive, ${unexplained.length} without a reason\n`,
  )
  const artifacts = join(projectRoot, 'artifacts')
  mkdirSync(artifacts, { recursive: true })
  const survivorRows = left.map((mutant) => {
    return { mutant: nameOf(mutant), line: mutant.line, reason: known.get(nameOf(mutant)) ?? null }
  })
  const document = { at: new Date().toISOString(), score, files: rows, survivors: survivorRows }
  writeFileSync(join(artifacts, 'mutation.json'), `${JSON.stringify(document, null, 2)}\n`)
  const isExplained = unexplained.length + outdated.length === 0
  return isExplained && score >= scoreMin ? 0 : 1
}

/** Reasons for changes of code that is not there any more. */
function withoutMutant(reasons: readonly Reason[], mutants: readonly Mutant[]): string[] {
  const names = new Set(mutants.map(nameOf))
  return reasons.map(({ mutant }) => mutant).filter((name) => !names.has(name))
}

/** What a mutant is called in `survivors.json`: the code around it, so that lines may move. */
function nameOf({ file, from, to, start, end }: Mutant): string {
  const source = readFileSync(join(projectRoot, file), 'utf8')
  const before = source.slice(0, start).split('\n').at(-1)?.trimStart() ?? ''
  const after = source.slice(end).split('\n', 1)[0] ?? ''
  const change = `[${short(from)} -> ${short(to)}]`
  return `${basename(file)}: ${before}${change}${after}`
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length <= 40 ? line : `${line.slice(0, 37)}...`
}
