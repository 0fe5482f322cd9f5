/** What can go wrong on purpose. */
export const faultKinds = [
  'delay',
  'drop',
  'reject',
  'disconnect',
  'freeze_feed',
  'gap_book',
  'duplicate_fills',
  'reorder_fills',
  'accept_then_hang',
  'http_html_502',
  'truncate_json',
  'wrong_id',
  'cancel_survivor',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** One planted fault. Patterns may contain `*`. Without `times` it holds until it is deleted. */
export type Fault = {
  readonly kind: FaultKind
  readonly method: string | undefined
  readonly channel: string | undefined
  readonly clientId: string | undefined
  readonly delayMs: number
  readonly code: number | undefined
  times: number | undefined
}

/** What a fault is compared with: a request has a method, a notification has a channel. */
export type FaultSubject = {
  readonly method?: string
  readonly channel?: string
  readonly clientId?: string | undefined
}

/** The planted faults, oldest first. */
export class FaultBook {
  #faults: Fault[] = []

  get size(): number {
    return this.#faults.length
  }

  list(): readonly Fault[] {
    return this.#faults
  }

  plant(fault: Fault): void {
    this.#faults.push(fault)
  }

  clear(): void {
    this.#faults = []
  }

  /** The oldest fault of one of these kinds that fits; it is used up by one. */
  take(kinds: readonly FaultKind[], subject: FaultSubject): Fault | undefined {
    const fault = this.#faults.find((planted) => fits(planted, kinds, subject))
    if (fault === undefined || fault.times === undefined) return fault
    fault.times -= 1
    if (fault.times === 0) this.#faults.splice(this.#faults.indexOf(fault), 1)
    return fault
  }
}

function fits(fault: Fault, kinds: readonly FaultKind[], subject: FaultSubject): boolean {
  if (!kinds.includes(fault.kind)) return false
  if (fault.clientId !== undefined && fault.clientId !== subject.clientId) return false
  if (subject.method !== undefined) {
    return fault.channel === undefined && matches(fault.method, subject.method)
  }
  return fault.method === undefined && matches(fault.channel, subject.channel ?? '')
}

/** True when the pattern is absent or fits; `*` stands for any run of characters. */
export function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true
  const parts = pattern.split('*')
  const first = parts[0] as string
  if (parts.length === 1) return text === pattern
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  const last = parts.at(-1) as string
  return text.length - last.length >= at && text.endsWith(last)
}
