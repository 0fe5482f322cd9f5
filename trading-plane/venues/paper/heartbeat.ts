import type { Session } from './session.ts'

/**
 * Starts the exchange-side heartbeat: every interval a `heartbeat` and a `test_request` go out.
 * When the next interval comes and `public/test` has not, the connection is cut, which is what
 * makes cancel-on-disconnect fire for a client that hangs.
 */
export function startHeartbeat(session: Session, intervalMs: number): void {
  stopHeartbeat(session)
  const timer = setInterval(() => beat(session), intervalMs)
  session.heartbeat = { timer, isAnswerDue: false }
}

export function stopHeartbeat(session: Session): void {
  if (session.heartbeat === undefined) return
  clearInterval(session.heartbeat.timer)
  session.heartbeat = undefined
}

function beat(session: Session): void {
  const { heartbeat, connection } = session
  if (heartbeat === undefined || connection === null) return
  if (heartbeat.isAnswerDue) {
    stopHeartbeat(session)
    connection.destroy()
    return
  }
  connection.send(heartbeatText('heartbeat'))
  heartbeat.isAnswerDue = true
  connection.send(heartbeatText('test_request'))
}

function heartbeatText(type: 'heartbeat' | 'test_request'): string {
  return JSON.stringify({ jsonrpc: '2.0', method: 'heartbeat', params: { type } })
}
