import { Agent as HttpAgent, type ClientRequestArgs, request } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { egressRefusals } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'

/** The egress gate of the safety plane; it listens on the loopback only. */
export const egressGateAddressSchema = z.strictObject({
  host: z.literal('127.0.0.1'),
  port: z.int().min(1).max(65_535),
})
export type EgressGateAddress = z.infer<typeof egressGateAddressSchema>

/** Longer than the gate takes to give the venue up, so that the gate says what was wrong. */
const tunnelMsMax = 7_000

type OnSocket = (error: Error | null, socket: Duplex) => void

/**
 * An agent whose connections lead through the egress gate (design 5.4): a CONNECT first, then the
 * bytes of the connection, which for `wss` and `https` are TLS between us and the venue. Undefined
 * where no gate is configured, for the ordinary way.
 *
 * @param url where connections of this agent go
 */
export function egressAgent(gate: EgressGateAddress | null, url: string): HttpAgent | undefined {
  if (gate === null) return undefined
  const isSecure = /^(wss|https):/.test(url)
  return isSecure ? new SecureTunnelAgent(gate) : new TunnelAgent(gate)
}

class TunnelAgent extends HttpAgent {
  readonly #gate: EgressGateAddress

  constructor(gate: EgressGateAddress) {
    super()
    this.#gate = gate
  }

  override createConnection(options: ClientRequestArgs, onSocket?: OnSocket): undefined {
    openTunnel(this.#gate, options, onSocket)
  }
}

class SecureTunnelAgent extends HttpsAgent {
  readonly #gate: EgressGateAddress

  constructor(gate: EgressGateAddress) {
    super()
    this.#gate = gate
  }

  override createConnection(options: ClientRequestArgs, onSocket?: OnSocket): undefined {
    openTunnel(this.#gate, options, (error, socket) => {
      if (error !== null) onSocket?.(error, socket)
      else onSocket?.(null, super.createConnection({ ...options, socket } as ClientRequestArgs)!)
    })
  }
}

/** Asks the gate for a way to the host and port of `options`; calls back once. */
function openTunnel(
  gate: EgressGateAddress,
  { host, port }: ClientRequestArgs,
  onSocket: OnSocket = () => {},
): void {
  const authority = `${String(host).includes(':') ? `[${host}]` : host}:${port}`
  const asked = request({ ...gate, method: 'CONNECT', path: authority, agent: false })
  // The type asks for a socket besides an error; who gets an error looks at nothing else.
  const fail = (detail: string) => {
    onSocket(new Error(`egress gate: ${detail}`), undefined as unknown as Duplex)
  }
  const timer = setTimeout(() => asked.destroy(new Error('no answer')), tunnelMsMax)
  asked.once('connect', (reply, socket: Socket, head: Buffer) => {
    clearTimeout(timer)
    if (reply.statusCode !== 200) {
      socket.destroy()
      fail(refusalOf(reply.statusMessage))
      return
    }
    if (head.length > 0) socket.unshift(head)
    socket.setNoDelay(true)
    onSocket(null, socket)
  })
  asked.once('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(timer)
    fail(error.code ?? error.message)
  })
  asked.end()
}

/** Only the codes of the closed list are repeated; anything else is somebody who is no gate. */
function refusalOf(phrase: string | undefined): string {
  return egressRefusals.find((code) => code === phrase) ?? 'not understood'
}
