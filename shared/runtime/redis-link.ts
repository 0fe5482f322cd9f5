import { Redis } from 'ioredis'
import { z } from 'zod'
import { fail, ok, type Result } from '../kernel/result.ts'

/** Where the safety Redis is and as whom to log in; part of every component's configuration. */
export const redisLinkSchema = z.strictObject({
  socketPath: z.string().min(1).max(107),
  username: z.string().min(1).max(64),
  passwordFile: z.string().min(1),
  commandTimeoutMs: z.int().min(50).max(2_000).default(300),
  connectTimeoutMs: z.int().min(50).max(5_000).default(500),
  reconnectDelayMs: z.int().min(20).max(5_000).default(100),
})
export type RedisLinkConfig = z.infer<typeof redisLinkSchema>

export const redisFaults = ['REDIS_UNREACHABLE', 'REDIS_TIMED_OUT', 'REDIS_REFUSED'] as const
export type RedisFault = { readonly code: (typeof redisFaults)[number]; readonly message: string }

/** How long a socket that was given up may stay half-open before it is destroyed. */
const disconnectTimeoutMs = 20

/** What the kernel says where nobody listens. */
const nobodyThere = ['ECONNREFUSED', 'ENOENT']

/** What ioredis says of a command that it never wrote to the socket. */
const unwrittenMessage = "Stream isn't writeable"

/** What the link offers to `run`: the commands of ioredis, none of its connection handling. */
export type RedisCommands = Redis

/**
 * One connection to the safety Redis with a deadline of its own for every call.
 *
 * Nothing is queued while disconnected, nothing is sent twice, and a call that does not answer in
 * time destroys the socket, because ioredis would otherwise deliver the command later (reliability
 * finding 4). A timed-out write may still have been applied: callers make every write harmless when
 * it lands late or twice (design section 4).
 */
export class RedisLink {
  readonly #redis: Redis
  readonly #commandTimeoutMs: number
  #closed = false
  #lastError = ''
  #isNobodyThere = false

  constructor(config: RedisLinkConfig, password: string, clientName: string) {
    this.#commandTimeoutMs = config.commandTimeoutMs
    this.#redis = new Redis(linkOptions(config, password, clientName))
    this.#redis.on('error', (error: Error & { readonly code?: string }) => {
      this.#lastError = error.message
      this.#isNobodyThere = nobodyThere.some((code) => code === error.code)
    })
    this.#redis.on('connect', () => {
      this.#isNobodyThere = false
    })
    this.#redis.on('ready', () => {
      this.#lastError = ''
    })
  }

  /** Begins to connect and keeps trying until `close`; calls made before that are refused. */
  open(): void {
    this.#redis.connect().catch(() => {
      // The retry strategy goes on; `run` reports the state to whoever asks.
    })
  }

  /** True while commands can be sent. */
  get isReady(): boolean {
    return this.#redis.status === 'ready' && this.#redis.stream.writable
  }

  /** True when the last attempt to connect found nobody listening: the server has ended. */
  get isNobodyThere(): boolean {
    return this.#isNobodyThere
  }

  /**
   * Runs one call against its deadline.
   *
   * A call of several commands may have got some of them through whatever the fault says.
   *
   * @returns the reply, or REDIS_UNREACHABLE when nothing was sent, REDIS_TIMED_OUT when the
   *   outcome is unknown (no reply in time, or the connection broke while waiting), REDIS_REFUSED
   *   when Redis answered with an error (ACL, wrong type, no space)
   */
  async run<T>(call: (redis: RedisCommands) => Promise<T>): Promise<Result<T, RedisFault>> {
    if (this.#closed || !this.isReady) {
      return fail({ code: 'REDIS_UNREACHABLE', message: this.#describeConnection() })
    }
    const { stream } = this.#redis
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<'late'>((resolve) => {
      // After a stall of our own the reply may lie in the socket unread: it is read first.
      timer = setTimeout(() => setImmediate(resolve, 'late'), this.#commandTimeoutMs)
    })
    try {
      const reply = await Promise.race([call(this.#redis).then((value) => ({ value })), deadline])
      if (reply === 'late') return this.#timedOut(stream)
      return ok(reply.value)
    } catch (error) {
      return this.#faultOf(error, stream)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves true once the link is ready, or false after `waitMs`. */
  async waitUntilReady(waitMs: number): Promise<boolean> {
    if (this.isReady) return true
    return new Promise((resolve) => {
      const onReady = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        this.#redis.off('ready', onReady)
        resolve(this.isReady)
      }, waitMs)
      this.#redis.once('ready', onReady)
    })
  }

  /** Ends the connection for good. */
  close(): void {
    this.#closed = true
    endConnection(this.#redis)
  }

  #describeConnection(): string {
    const status = `connection is ${this.#redis.status}`
    return this.#lastError === '' ? status : `${status}: ${this.#lastError}`
  }

  #timedOut(stream: Redis['stream']): Result<never, RedisFault> {
    // A half-closed socket would still carry what Node holds back for it. The loss of the socket
    // makes ioredis reconnect by itself.
    stream.destroy()
    return fail({ code: 'REDIS_TIMED_OUT', message: `no reply in ${this.#commandTimeoutMs} ms` })
  }

  #faultOf(error: unknown, stream: Redis['stream']): Result<never, RedisFault> {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof Error && error.name === 'ReplyError') {
      return fail({ code: 'REDIS_REFUSED', message })
    }
    if (message.includes('timed out')) return this.#timedOut(stream)
    if (message.startsWith(unwrittenMessage)) return fail({ code: 'REDIS_UNREACHABLE', message })
    return fail({ code: 'REDIS_TIMED_OUT', message })
  }
}

/**
 * A second connection that only listens to keyspace notifications. It tells that a key changed,
 * never what it holds; a lost notification is made good by the listener's own slow poll.
 */
export class RedisKeyListener {
  readonly #redis: Redis

  /**
   * @param patterns keyspace patterns exactly as the ACL names them
   * @param onChange called with the name of the changed key
   */
  constructor(
    config: RedisLinkConfig,
    password: string,
    clientName: string,
    patterns: readonly string[],
    onChange: (key: string) => void,
  ) {
    this.#redis = new Redis(linkOptions(config, password, clientName))
    this.#redis.on('error', () => {
      // The listener reconnects by itself; silence is covered by the poll.
    })
    this.#redis.on('ready', () => {
      this.#redis.psubscribe(...patterns).catch(() => this.#redis.disconnect(true))
    })
    this.#redis.on('pmessage', (_pattern: string, channel: string) => {
      onChange(channel.slice(channel.indexOf(':') + 1))
    })
  }

  open(): void {
    this.#redis.connect().catch(() => {
      // The retry strategy goes on.
    })
  }

  close(): void {
    endConnection(this.#redis)
  }
}

/** Ends a connection for good and at once, even when the server does not hang up. */
function endConnection(redis: Redis): void {
  redis.disconnect()
  // There is no stream before the first attempt to connect, whatever the type says.
  const stream = redis.stream as Redis['stream'] | undefined
  stream?.destroy()
}

function linkOptions(config: RedisLinkConfig, password: string, clientName: string) {
  return {
    path: config.socketPath,
    username: config.username,
    password,
    connectionName: clientName,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    // Only a net under the deadline of `run`, which knows a late reply from a late look.
    commandTimeout: 2 * config.commandTimeoutMs,
    connectTimeout: config.connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    retryStrategy: () => config.reconnectDelayMs,
    reconnectOnError: () => false,
  }
}
