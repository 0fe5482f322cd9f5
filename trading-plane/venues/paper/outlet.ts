import type { Fault, FaultBook } from './faults.core.ts'
import type { Session } from './session.ts'

/** What kind of notification it is, as far as planted faults care. */
export type NoticeKind = 'book-change' | 'fill' | 'other'

const HELD_FILL_MS = 250

/** Sends notifications to sessions and lets planted faults spoil them on the way. */
export class Outlet {
  readonly #faults: FaultBook
  sentCount = 0

  constructor(faults: FaultBook) {
    this.#faults = faults
  }

  /** Sends one channel's data to every session that listens to it. */
  notify(sessions: Iterable<Session>, channel: string, data: unknown, kind: NoticeKind): void {
    const message = { jsonrpc: '2.0', method: 'subscription', params: { channel, data } }
    const text = JSON.stringify(message)
    for (const session of sessions) this.#notifyOne(session, channel, text, kind)
  }

  #notifyOne(session: Session, channel: string, text: string, kind: NoticeKind): void {
    if (session.isClosed) return
    if (this.#faults.size === 0) return this.#send(session, text)
    const subject = { channel, clientId: session.principal?.clientId }
    if (this.#faults.take(['freeze_feed', 'drop'], subject) !== undefined) return
    if (kind === 'book-change' && this.#faults.take(['gap_book'], subject) !== undefined) return
    const cut = this.#faults.take(['disconnect', 'truncate_json'], subject)
    if (cut?.kind === 'disconnect') return session.connection?.destroy()
    const body = cut?.kind === 'truncate_json' ? text.slice(0, text.length >> 1) : text
    const late = this.#faults.take(['delay'], subject)
    if (late !== undefined) return this.#sendLater(session, body, late)
    if (kind === 'fill') return this.#notifyFill(session, body, subject)
    this.#send(session, body)
  }

  #notifyFill(
    session: Session,
    text: string,
    subject: { channel: string; clientId: string | undefined },
  ): void {
    if (this.#faults.take(['duplicate_fills'], subject) !== undefined) this.#send(session, text)
    const held = session.heldFill
    if (held !== undefined) {
      this.#send(session, text)
      this.#release(session)
      return
    }
    const swap = this.#faults.take(['reorder_fills'], subject)
    if (swap === undefined) return this.#send(session, text)
    const waitMs = swap.delayMs > 0 ? swap.delayMs : HELD_FILL_MS
    session.heldFill = { text, timer: setTimeout(() => this.#release(session), waitMs) }
  }

  #release(session: Session): void {
    const held = session.heldFill
    if (held === undefined) return
    clearTimeout(held.timer)
    session.heldFill = undefined
    this.#send(session, held.text)
  }

  #sendLater(session: Session, text: string, { delayMs }: Fault): void {
    setTimeout(() => this.#send(session, text), delayMs).unref()
  }

  #send(session: Session, text: string): void {
    if (session.isClosed) return
    this.sentCount += 1
    session.connection?.send(text)
  }
}
