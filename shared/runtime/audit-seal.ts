import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type SealedHeads, sealedHeadsSchema } from '../contracts/audit-heads.ts'
import { auditGenesis } from '../contracts/audit-entry.ts'
import { canonicalJson, type Json } from '../kernel/canonical-json.ts'

/** Keeps a signature over a seal from being one over anything else. */
const domain = 'bulkhead-audit-seal-v1\n'

/** A line of the sealed-heads file and the digest that the next line names. */
export type SealLine = { readonly seal: SealedHeads; readonly digest: string }
export type SealFileContent = {
  readonly lines: readonly SealLine[]
  /** Lines that are no seal; an unfinished last line was never acknowledged and does not count. */
  readonly unreadableLines: number
}

/** The seal that follows `last`, signed when there is a key. */
export function nextSeal(
  last: SealLine | undefined,
  content: Pick<SealedHeads, 'sealed_ns' | 'last_id' | 'heads'>,
  key: KeyObject | null,
): SealedHeads {
  const unsigned = {
    seal: (last?.seal.seal ?? 0) + 1,
    prev: last?.digest ?? auditGenesis,
    ...content,
  }
  const signature = key === null ? null : sign(null, signedBytes(unsigned), key).toString('hex')
  return { ...unsigned, signature }
}

/** Whether the holder of the seal key made this seal. */
export function isSignedBy(seal: SealedHeads, publicKey: KeyObject): boolean {
  const { signature, ...unsigned } = seal
  if (signature === null) return false
  return verify(null, signedBytes(unsigned), publicKey, Buffer.from(signature, 'hex'))
}

const signedBytes = (unsigned: Omit<SealedHeads, 'signature'>) =>
  Buffer.from(domain + canonicalJson(unsigned as unknown as Json), 'utf8')

export const sealText = (seal: SealedHeads) => JSON.stringify(seal)
export const sealDigest = (text: string) => hash('sha256', text)

/** Digits of the number that a rotated file bears: that of the last seal in it. */
const rotatedDigits = 12

/** Where a file goes when it is full; the names sort in the order of the seals. */
export const rotatedSealFile = (file: string, lastSeal: number) =>
  `${file}.${String(lastSeal).padStart(rotatedDigits, '0')}`

/** The rotated files beside a file of sealed heads, oldest first. */
export function rotatedSealFiles(file: string): string[] {
  const [directory, name] = [dirname(file), `${basename(file)}.`]
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((entry) => entry.startsWith(name) && /^\d{12}$/.test(entry.slice(name.length)))
    .sort()
    .map((entry) => join(directory, entry))
}

/** Reads every seal, from the oldest rotated file on; only the shape of each line is checked. */
export function readSeals(file: string): SealFileContent {
  const parts = [...rotatedSealFiles(file), file].map(readSealFile)
  return {
    lines: parts.flatMap(({ lines }) => lines),
    unreadableLines: parts.reduce((sum, { unreadableLines }) => sum + unreadableLines, 0),
  }
}

/** Reads one file as it stands; nothing is checked but the shape of each line. */
export function readSealFile(file: string): SealFileContent {
  if (!existsSync(file)) return { lines: [], unreadableLines: 0 }
  const text = readFileSync(file, 'utf8')
  const lines: SealLine[] = []
  let unreadableLines = 0
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const parsed = sealedHeadsSchema.safeParse(parseLine(line))
    if (parsed.success) lines.push({ seal: parsed.data, digest: sealDigest(line) })
    else unreadableLines += 1
  }
  return { lines, unreadableLines }
}

/** The key that signs, or undefined when the text is no Ed25519 private key. */
export function parseSealKey(pem: string): KeyObject | undefined {
  return ed25519(() => createPrivateKey(pem))
}

/** The key that checks, from the public or the private half; undefined when it is neither. */
export function parseSealPublicKey(pem: string): KeyObject | undefined {
  return ed25519(() => createPublicKey(pem))
}

function ed25519(parse: () => KeyObject): KeyObject | undefined {
  try {
    const key = parse()
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
