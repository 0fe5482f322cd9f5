import { generateKeyPairSync } from 'node:crypto'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DrainState } from '@bulkhead/safety-plane/audit/core.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'
import { readSeals, rotatedSealFiles } from '@bulkhead/shared/runtime/audit-seal.ts'
import { checkSeals } from '@bulkhead/shared/runtime/audit-verify-seals.ts'

const bytesMax = 4_096
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const hash = (seq: number) => String(seq).padStart(64, '0')
const at = (seq: number) => ({ seq, hash: hash(seq), missing: [] })

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-seals-'))
  file = join(folder, 'heads.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = () => new SealFile(file, privateKey, bytesMax)
const verdict = () => checkSeals(readSeals(file), publicKey)
const codes = () => [...new Set(verdict().faults.map(({ code }) => code))]

/** One chain that ended long ago and one that grows with every seal. */
function stateAt(seal: number): DrainState {
  return new Map([
    ['executor/old', at(7)],
    ['control_api/new', at(seal)],
  ])
}

function sealUpTo(last: number, from = 1): SealFile {
  const seals = open()
  seals.read()
  for (let seal = from; seal <= last; seal += 1) {
    const state = stateAt(seal)
    const grown: DrainState = seal === 1 ? state : new Map([['control_api/new', at(seal)]])
    seals.append(grown, state, `${seal}-0`, String(seal))
  }
  return seals
}

describe('sealed heads outside Redis', () => {
  test('are set aside when a file is full, and verified across all files', () => {
    sealUpTo(60)
    const rotated = rotatedSealFiles(file)
    expect(rotated.length).toBeGreaterThan(2)
    for (const one of [...rotated, file]) expect(statSync(one).size).toBeLessThan(2 * bytesMax)
    const { sealed, faults } = verdict()
    expect(faults).toEqual([])
    expect(sealed.get('executor/old')).toEqual([{ seq: 7, hash: hash(7) }])
    expect(sealed.get('control_api/new')).toHaveLength(60)
    expect(readSeals(file).lines.map(({ seal }) => seal.seal)).toEqual(
      Array.from({ length: 60 }, (_, index) => index + 1),
    )
  })

  test('are remembered from the newest file alone, chains that ended long ago included', () => {
    sealUpTo(60)
    for (const rotated of rotatedSealFiles(file)) writeFileSync(rotated, 'nothing\n')
    const { state, lastId } = open().read()
    expect(Object.fromEntries(state)).toEqual(Object.fromEntries(stateAt(60)))
    expect(lastId).toBe('60-0')
  })

  test.each(['no new file yet', 'a torn first line'])(
    'go on after a crash that left %s',
    (what) => {
      sealUpTo(10)
      renameSync(file, `${file}.000000000010`)
      if (what === 'a torn first line') writeFileSync(file, '{"seal":11,"pre')
      expect(open().read().lastId).toBe('10-0')
      sealUpTo(14, 11)
      expect(codes()).toEqual([])
      expect(readSeals(file).lines).toHaveLength(14)
      const [first] = readFileSync(file, 'utf8').split('\n')
      expect(first).toContain('executor/old')
    },
  )

  test.each<[string, (rotated: string) => void, string[]]>([
    ['deleted', (rotated) => rmSync(rotated), ['SEAL_CHAIN_BROKEN']],
    [
      'changed',
      (rotated) => writeFileSync(rotated, readFileSync(rotated, 'utf8').replace(hash(7), hash(8))),
      ['SEAL_FORGED', 'SEAL_CHAIN_BROKEN'],
    ],
    [
      'put there twice',
      (rotated) => copyFileSync(rotated, `${file}.000000000000`),
      ['SEAL_CHAIN_BROKEN'],
    ],
    [
      'cut',
      (rotated) => {
        const lines = readFileSync(rotated, 'utf8').split('\n')
        writeFileSync(rotated, `${lines.slice(0, -2).join('\n')}\n`)
      },
      ['SEAL_CHAIN_BROKEN'],
    ],
  ])('show that a file that was set aside is %s', (_what, attack, expected) => {
    sealUpTo(40)
    const [first] = rotatedSealFiles(file)
    attack(first!)
    expect(codes().sort()).toEqual([...expected].sort())
  })

  test('take no other file for one that was set aside', () => {
    sealUpTo(3)
    for (const name of ['heads.jsonl.bak', 'heads.jsonl.1', 'other.jsonl.000000000001']) {
      writeFileSync(join(folder, name), 'foreign\n')
    }
    expect(codes()).toEqual([])
    expect(readdirSync(folder)).toHaveLength(4)
  })
})
