import type { Account } from './account.core.ts'
import type { KeyScope } from './config.ts'

/** Who speaks on a session: one API key of one account. */
export type Principal = {
  readonly account: Account
  readonly clientId: string
  readonly scope: KeyScope
  readonly extraScopes: readonly string[]
}

/** The wire under a WebSocket session. */
export type Connection = {
  send(text: string): void
  /** Ends the connection politely with a WebSocket close code. */
  close(code: number, reason: string): void
  /** Cuts the connection without a word. */
  destroy(): void
}

/** Heartbeat state of a connection: the interval, and whether an answer is owed. */
export type Heartbeat = { readonly timer: NodeJS.Timeout; isAnswerDue: boolean }

/**
 * One client connection, or one HTTP request (then `connection` is null). Orders remember the id,
 * so that cancel-on-disconnect takes exactly those of this connection.
 */
export class Session {
  readonly id: string
  readonly connection: Connection | null
  principal: Principal | undefined
  readonly channels = new Set<string>()
  isCancelOnDisconnect = false
  heartbeat: Heartbeat | undefined
  /** Logging out ends the connection without cancelling anything. */
  isLoggedOut = false
  isClosed = false
  /** A fill notification held back by a planted fault until the next one overtakes it. */
  heldFill: { readonly text: string; readonly timer: NodeJS.Timeout } | undefined

  constructor(id: string, connection: Connection | null) {
    this.id = id
    this.connection = connection
  }

  stopTimers(): void {
    if (this.heartbeat !== undefined) clearInterval(this.heartbeat.timer)
    if (this.heldFill !== undefined) clearTimeout(this.heldFill.timer)
    this.heartbeat = undefined
    this.heldFill = undefined
  }
}
