/**
 * The second liveness path (design 5.8): a question to a component on a unix socket of its own.
 * Only its work loop answers, after a turn that got something done since the question came. One
 * line each way, so that neither side has to parse anything.
 */
export const livenessLineBytesMax = 64

const pingPattern = /^ping (\d{1,15})$/
const pongPattern = /^pong (\d{1,15})$/

export const pingLine = (id: number) => `ping ${id}\n`
export const pongLine = (id: number) => `pong ${id}\n`

/** The number of a question, or undefined when the line is none. */
export const pingOf = (line: string) => idOf(pingPattern.exec(line))
/** The number that an answer answers, or undefined when the line is none. */
export const pongOf = (line: string) => idOf(pongPattern.exec(line))

const idOf = (match: RegExpExecArray | null) => (match === null ? undefined : Number(match[1]))
