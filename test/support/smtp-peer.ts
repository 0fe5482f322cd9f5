import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** A turn of an SMTP dialogue, as the verb of the client names it; GREETING is the peer's own. */
type Turn =
  | 'GREETING'
  | 'EHLO'
  | 'STARTTLS'
  | 'AUTH'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'MESSAGE'
  | 'QUIT'

export type SmtpPeerOptions = {
  /** At this turn the peer says nothing any more. */
  readonly silentAt?: Turn
  /** At this turn it hangs up. */
  readonly hangUpAt?: Turn
  /** What it answers at a turn in place of consent. */
  readonly answers?: Readonly<Partial<Record<Turn, string>>>
  /** Pause before every answer. */
  readonly delayMs?: number
  /** Offers STARTTLS, and goes on encrypted with these. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined
}

export type Mail = {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly isEncrypted: boolean
}

/** A real, small SMTP server on loopback that takes mail, is slow, refuses, or falls silent. */
export type SmtpPeer = {
  readonly port: number
  readonly mails: readonly Mail[]
  /** Everything that clients said unencrypted, for what must not be in it. */
  readonly said: () => string
  readonly openConnections: () => number
  readonly close: () => Promise<void>
}

const consent: Readonly<Record<Turn, string>> = {
  GREETING: '220 peer ESMTP',
  EHLO: '250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME',
  STARTTLS: '220 go ahead',
  AUTH: '235 welcome',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go on',
  MESSAGE: '250 taken',
  QUIT: '221 bye',
}

export async function startSmtpPeer(options: SmtpPeerOptions = {}): Promise<SmtpPeer> {
  const mails: Mail[] = []
  const sockets = new Set<Socket>()
  let said = ''
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    const dialogue = new Dialogue(socket, options, mails, () => {
      socket.off('data', onData)
      const encrypted = new TLSSocket(socket, { isServer: true, ...options.tls })
      const inside = new Dialogue(encrypted, { ...options, tls: undefined }, mails, () => undefined)
      encrypted.on('data', (bytes: Buffer) => inside.take(bytes.toString()))
      encrypted.on('error', () => socket.destroy())
    })
    const onData = (bytes: Buffer) => {
      said += bytes.toString()
      dialogue.take(bytes.toString())
    }
    socket.on('data', onData)
    dialogue.greet()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    said: () => said,
    openConnections: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

class Dialogue {
  readonly #socket: Socket
  readonly #options: SmtpPeerOptions
  readonly #mails: Mail[]
  readonly #startTls: () => void
  #from = ''
  #to: string[] = []
  #buffer = ''
  #isMessage = false

  constructor(socket: Socket, options: SmtpPeerOptions, mails: Mail[], startTls: () => void) {
    this.#startTls = startTls
    this.#socket = socket
    this.#options = options
    this.#mails = mails
  }

  greet(): void {
    this.#answer('GREETING')
  }

  take(text: string): void {
    this.#buffer += text
    for (;;) {
      const end = this.#isMessage ? '\r\n.\r\n' : '\r\n'
      const at = this.#buffer.indexOf(end)
      if (at < 0) return
      const part = this.#buffer.slice(0, at)
      this.#buffer = this.#buffer.slice(at + end.length)
      if (this.#isMessage) this.#onMessage(part)
      else this.#onLine(part)
    }
  }

  #onLine(line: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'MAIL') this.#from = addressIn(line)
    if (verb === 'RCPT') this.#to.push(addressIn(line))
    if (verb === 'DATA') this.#isMessage = true
    if (verb === 'STAR' && this.#options.tls !== undefined) {
      this.#answer('STARTTLS')
      if (this.#options.answers?.STARTTLS === undefined) this.#startTls()
    } else if (verb in consent) this.#answer(verb as Turn)
    else this.#write('502 what?')
  }

  #onMessage(text: string): void {
    this.#isMessage = false
    const { answers, silentAt } = this.#options
    const isTaken = answers?.MESSAGE === undefined && silentAt !== 'MESSAGE'
    if (isTaken)
      this.#mails.push({ from: this.#from, to: this.#to, text, isEncrypted: this.#isEncrypted })
    this.#to = []
    this.#answer('MESSAGE')
  }

  #answer(turn: Turn): void {
    const { silentAt, hangUpAt, answers } = this.#options
    if (turn === silentAt) return
    if (turn === hangUpAt) this.#socket.destroy()
    else this.#write(answers?.[turn] ?? this.#consentTo(turn))
  }

  #consentTo(turn: Turn): string {
    const offersTls = turn === 'EHLO' && this.#options.tls !== undefined
    return offersTls ? consent.EHLO.replace('250-AUTH', '250-STARTTLS\r\n250-AUTH') : consent[turn]
  }

  get #isEncrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  #write(line: string): void {
    const { delayMs } = this.#options
    if (delayMs === undefined) this.#socket.write(`${line}\r\n`)
    else setTimeout(() => this.#socket.writable && this.#socket.write(`${line}\r\n`), delayMs)
  }
}

const addressIn = (line: string) => /<([^>]*)>/.exec(line)?.[1] ?? ''
