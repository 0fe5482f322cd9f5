/**
 * What a request to the venue is, most urgent first (contract 3.3). `DATA` is every question: those
 * that decide what is at the venue wait for their turn, those that only refresh are shed.
 */
export const requestClasses = ['EMERGENCY_CLOSE', 'CANCEL', 'HEDGE', 'OPEN', 'DATA'] as const
export type RequestClass = (typeof requestClasses)[number]
/** What changes something at the venue. */
export type ToolUse = Exclude<RequestClass, 'DATA'>

/** What the account may send: matching-engine requests per second, and at once. */
export type RateLimit = {
  readonly rate: number
  readonly burst: number
  /** What a question takes of it, where an order or a cancel takes one. */
  readonly dataCost: number
}

export type LimiterConfig = {
  /** Until the venue told its own. */
  readonly limit: RateLimit
  /** Share of the burst below which opening orders are refused. */
  readonly openReserve: number
  /** Share of the burst below which refreshing questions are refused. */
  readonly dataReserve: number
  /** How long the desk holds back after the venue refused something for its number. */
  readonly brownoutMs: number
  /** Waiting requests of one class; what closes or cancels is let through beyond it. */
  readonly waitingMax: number
}

export type Limiter = {
  readonly config: LimiterConfig
  limit: RateLimit
  tokens: number
  /** Monotonic time up to which the tokens are counted. */
  atTickMs: number
  heldBackUntilTickMs: number
  /** Ids of what waits, by class, oldest first. */
  readonly waiting: Readonly<Record<RequestClass, number[]>>
}

export type Admission = 'granted' | 'waits' | 'shed'

/** A bucket that is full. */
export function createLimiter(config: LimiterConfig, tickMs: number): Limiter {
  return {
    config,
    limit: config.limit,
    tokens: config.limit.burst,
    atTickMs: tickMs,
    heldBackUntilTickMs: Number.NEGATIVE_INFINITY,
    waiting: { EMERGENCY_CLOSE: [], CANCEL: [], HEDGE: [], OPEN: [], DATA: [] },
  }
}

/** Takes over what the venue says that the account may send. Tokens are not given for it. */
export function setLimit(limiter: Limiter, limit: RateLimit, tickMs: number): void {
  refill(limiter, tickMs)
  limiter.limit = limit
  limiter.tokens = Math.min(limiter.tokens, limit.burst)
}

/** The venue refused something for its number: whatever we counted, nothing is left. */
export function noteRefusal(limiter: Limiter, tickMs: number): void {
  refill(limiter, tickMs)
  limiter.tokens = 0
  limiter.heldBackUntilTickMs = tickMs + limiter.config.brownoutMs
}

/**
 * Asks for one request to be sent now. Under pressure what refreshes is shed first, then what
 * opens; what closes or cancels is never shed: it goes, or waits for the next token.
 *
 * @param isNeeded of a question: it waits instead of being shed
 */
export function ask(
  limiter: Limiter,
  request: { readonly id: number; readonly class: RequestClass; readonly isNeeded: boolean },
  tickMs: number,
): Admission {
  refill(limiter, tickMs)
  const { id, class: own, isNeeded } = request
  if (own === 'OPEN') return isPressed(limiter, tickMs) ? 'shed' : take(limiter, own)
  if (own === 'DATA' && !isNeeded) {
    const isScarce = limiter.tokens < limiter.config.dataReserve * limiter.limit.burst
    return isScarce || isPressed(limiter, tickMs) ? 'shed' : take(limiter, own)
  }
  if (!isAnyWaiting(limiter, own) && limiter.tokens >= costOf(limiter, own)) {
    return take(limiter, own)
  }
  if (limiter.waiting[own].length >= limiter.config.waitingMax) {
    return own === 'DATA' ? 'shed' : take(limiter, own)
  }
  limiter.waiting[own].push(id)
  return 'waits'
}

/** What waited and may go now, most urgent first: none overtakes a more urgent one. */
export function grantDue(limiter: Limiter, tickMs: number): number[] {
  refill(limiter, tickMs)
  const granted: number[] = []
  for (const own of requestClasses) {
    const row = limiter.waiting[own]
    while (row.length > 0 && limiter.tokens >= costOf(limiter, own)) {
      take(limiter, own)
      granted.push(row.shift() as number)
    }
    if (row.length > 0) break
  }
  return granted
}

/** Until the next waiting request can go; null when none waits. */
export function nextGrantMs(limiter: Limiter, tickMs: number): number | null {
  refill(limiter, tickMs)
  const own = requestClasses.find((each) => limiter.waiting[each].length > 0)
  if (own === undefined) return null
  const missing = Math.max(0, costOf(limiter, own) - limiter.tokens)
  return Math.ceil((missing / limiter.limit.rate) * 1_000)
}

/**
 * Until when opening is held back if nothing more is asked for: the venue refused something, or so
 * little is left that the rest belongs to what closes and cancels.
 */
export function pressedUntilTickMs(limiter: Limiter, tickMs: number): number {
  refill(limiter, tickMs)
  const { rate } = limiter.limit
  const owed = requestClasses.reduce(
    (sum, own) => sum + limiter.waiting[own].length * costOf(limiter, own),
    0,
  )
  const missing = openFloor(limiter) + owed - limiter.tokens
  const untilTickMs = missing > 0 ? tickMs + Math.ceil((missing / rate) * 1_000) : tickMs
  return Math.max(untilTickMs, limiter.heldBackUntilTickMs)
}

function isPressed(limiter: Limiter, tickMs: number): boolean {
  return pressedUntilTickMs(limiter, tickMs) > tickMs
}

/** Never less than the order itself takes. */
function openFloor({ config, limit }: Limiter): number {
  return Math.max(1, config.openReserve * limit.burst)
}

function costOf({ limit }: Limiter, own: RequestClass): number {
  return own === 'DATA' ? limit.dataCost : 1
}

function take(limiter: Limiter, own: RequestClass): Admission {
  limiter.tokens -= costOf(limiter, own)
  return 'granted'
}

/** Whether something of this class or a more urgent one is ahead. */
function isAnyWaiting({ waiting }: Limiter, own: RequestClass): boolean {
  const ahead = requestClasses.slice(0, requestClasses.indexOf(own) + 1)
  return ahead.some((each) => waiting[each].length > 0)
}

function refill(limiter: Limiter, tickMs: number): void {
  const { rate, burst } = limiter.limit
  const sinceMs = Math.max(0, tickMs - limiter.atTickMs)
  limiter.tokens = Math.min(burst, limiter.tokens + (sinceMs / 1_000) * rate)
  limiter.atTickMs = Math.max(limiter.atTickMs, tickMs)
}
