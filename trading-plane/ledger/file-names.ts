/** A file of the ledger, as its name tells. */
export type SegmentName = {
  readonly component: string
  readonly number: number
  readonly pid: number
  readonly isCompressed: boolean
}

const segment = /^([a-z][a-z0-9_]{0,31})-(\d{6})-(\d{1,10})\.wal(\.zst)?$/
/** Copies of torn files stay for whoever wants to look; half-made files are of no use. */
const kept = /^[a-z][a-z0-9_]{0,31}-\d{6}-\d{1,10}\.wal\.torn-at-\d+$/
const unfinished =
  /^[a-z][a-z0-9_]{0,31}(-\d{6}-\d{1,10}\.wal\.zst\.tmp|\.(preparing|prepared|making))$/
const formatOne = /^[a-z][a-z0-9_]{0,31}-\d{6}\.wal(\.torn-at-\d+)?$/

export const lockName = 'lock'

export function segmentFileName(component: string, number: number, pid: number): string {
  return `${component}-${String(number).padStart(6, '0')}-${pid}.wal`
}

/** The next segment while it is filled with zeros, when it is ready, and as the writer took it. */
export const preparingName = (component: string) => `${component}.preparing`
export const preparedName = (component: string) => `${component}.prepared`
export const makingName = (component: string) => `${component}.making`

export function readSegmentName(name: string): SegmentName | null {
  const parts = segment.exec(name)
  if (parts === null) return null
  const [, component = '', number, pid, suffix] = parts
  return {
    component,
    number: Number(number),
    pid: Number(pid),
    isCompressed: suffix !== undefined,
  }
}

/** What else may lie in the folder of a ledger. */
export function otherFileKind(name: string): 'kept' | 'unfinished' | 'format-1' | 'unknown' {
  if (kept.test(name) || name.startsWith(lockName)) return 'kept'
  if (unfinished.test(name)) return 'unfinished'
  return formatOne.test(name) ? 'format-1' : 'unknown'
}
