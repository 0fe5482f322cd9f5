/** What the fencer can be asked: to kill one named group, or whether anything lives in it. */
export type FencerRequest = { readonly verb: 'kill' | 'state'; readonly component: string }

/** Every answer, one word on a line of its own. */
export const fencerReplies = [
  /** cgroup.kill of the group was written; whether it is empty has yet to be asked. */
  'KILL_WRITTEN',
  'KILL_FAILED',
  'POPULATED',
  'EMPTY',
  'ABSENT',
  'UNREADABLE',
  'REFUSED_MALFORMED',
  'REFUSED_UNKNOWN_COMPONENT',
  'REFUSED_PROTECTED_CGROUP',
] as const
export type FencerReply = (typeof fencerReplies)[number]

/** Longest request with its newline, in bytes; a longer one is refused unread. */
export const requestBytesMax = 64
/** Longest answer with its newline, in bytes. */
export const replyBytesMax = 64

const requestLine = /^(kill|state) ([a-z][a-z0-9_]{0,31})\n$/

/** Reads one request. Anything that is not exactly one well-formed line is malformed. */
export function parseRequest(text: string): FencerRequest | 'malformed' {
  if (text.length > requestBytesMax) return 'malformed'
  const [, verb, component] = requestLine.exec(text) ?? []
  if (component === undefined || (verb !== 'kill' && verb !== 'state')) return 'malformed'
  return { verb, component }
}

export const requestText = ({ verb, component }: FencerRequest) => `${verb} ${component}\n`

/** Reads one answer; anything else than exactly one known word is none. */
export function parseReply(text: string): FencerReply | undefined {
  return fencerReplies.find((reply) => text === `${reply}\n`)
}

export type FencerTarget = { readonly component: string; readonly cgroup: string }

/**
 * The one target that a request may touch, or why none. The path comes from the fencer's own
 * configuration and never from the request.
 *
 * @param refuse why a cgroup must not be killed as a whole, or null
 */
export function chooseTarget(
  request: FencerRequest | 'malformed',
  targets: readonly FencerTarget[],
  refuse: (cgroup: string) => string | null,
): FencerTarget | FencerReply {
  if (request === 'malformed') return 'REFUSED_MALFORMED'
  const target = targets.find(({ component }) => component === request.component)
  if (target === undefined) return 'REFUSED_UNKNOWN_COMPONENT'
  const isForbidden = request.verb === 'kill' && refuse(target.cgroup) !== null
  return isForbidden ? 'REFUSED_PROTECTED_CGROUP' : target
}
