import { connect } from 'node:net'
import {
  type FencerReply,
  type FencerRequest,
  parseReply,
  replyBytesMax,
  requestText,
} from '../fencer/core.ts'

/** Asks the fencer, which may write the cgroup.kill that this process may not. */
export class FencerClient {
  readonly #socketPath: string
  readonly #timeoutMs: number

  constructor(socketPath: string, timeoutMs: number) {
    this.#socketPath = socketPath
    this.#timeoutMs = timeoutMs
  }

  /**
   * One request on a connection of its own.
   *
   * @returns the answer; FENCER_UNREACHABLE, FENCER_TIMED_OUT or FENCER_NONSENSE when there is none
   */
  ask(
    request: FencerRequest,
  ): Promise<FencerReply | 'FENCER_UNREACHABLE' | 'FENCER_TIMED_OUT' | 'FENCER_NONSENSE'> {
    return new Promise((resolve) => {
      let text = ''
      const socket = connect(this.#socketPath)
      const timer = setTimeout(() => finish('FENCER_TIMED_OUT'), this.#timeoutMs)
      const finish = (reply: Awaited<ReturnType<FencerClient['ask']>>) => {
        clearTimeout(timer)
        socket.destroy()
        resolve(reply)
      }
      socket.on('error', () => finish('FENCER_UNREACHABLE'))
      socket.on('connect', () => socket.end(requestText(request)))
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        if (text.length > replyBytesMax) finish('FENCER_NONSENSE')
      })
      socket.on('end', () => finish(parseReply(text) ?? 'FENCER_NONSENSE'))
    })
  }
}
