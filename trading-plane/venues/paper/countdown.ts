import type { Account } from './account.core.ts'

type Countdown = { readonly timeoutMs: number; readonly endsMs: number; timer: NodeJS.Timeout }

/** What a countdown is set to, as its owner sees it. */
export type CountdownView = { readonly timeout: number; readonly trigger_time: number | null }

/**
 * One countdown per account that cancels all its orders unless it is started anew in time. It runs
 * once: when it has fired, the account has none until it sets one again.
 */
export class CancelCountdowns {
  readonly #fire: (account: Account) => void
  readonly #running = new Map<string, Countdown>()

  constructor(fire: (account: Account) => void) {
    this.#fire = fire
  }

  /** Starts the countdown anew, or ends it when the time is 0. */
  set(account: Account, timeoutMs: number, nowMs: number): CountdownView {
    clearTimeout(this.#running.get(account.name)?.timer)
    this.#running.delete(account.name)
    if (timeoutMs > 0) {
      const timer = setTimeout(() => {
        this.#running.delete(account.name)
        this.#fire(account)
      }, timeoutMs)
      this.#running.set(account.name, { timeoutMs, endsMs: nowMs + timeoutMs, timer })
    }
    return this.view(account)
  }

  view(account: Account): CountdownView {
    const running = this.#running.get(account.name)
    return { timeout: running?.timeoutMs ?? 0, trigger_time: running?.endsMs ?? null }
  }

  close(): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer)
    this.#running.clear()
  }
}
