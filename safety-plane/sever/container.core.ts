import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

export type CommandTextFault =
  | 'CONTAINER_COMMAND_EMPTY'
  | 'CONTAINER_COMMAND_TOO_LONG'
  | 'CONTAINER_COMMAND_NEEDS_SHELL'
  | 'CONTAINER_COMMAND_QUOTE_OPEN'

const textLengthMax = 4_096
const wordsMax = 32

/** What a shell would act on; here a program would get it that was never meant to see it. */
const shellOnly = /[;|&<>$`\\*?()[\]!#~\n\r\0]/

/**
 * Splits the text of `KILL_CONTAINER_CMD_<NAME>` into program and arguments: at blanks, with single
 * and double quotes around words that hold blanks. Nothing is expanded, and a text that counts on a
 * shell is refused, because it would not do what it says.
 */
export function splitCommand(text: string): Result<string[], CommandTextFault> {
  if (text.length > textLengthMax) return fail('CONTAINER_COMMAND_TOO_LONG')
  if (shellOnly.test(text)) return fail('CONTAINER_COMMAND_NEEDS_SHELL')
  const words: string[] = []
  let rest = text.trimStart()
  while (rest !== '') {
    const word = /^(?:[^\s'"]|'[^']*'|"[^"]*")+/.exec(rest)?.[0]
    if (word === undefined) return fail('CONTAINER_COMMAND_QUOTE_OPEN')
    rest = rest.slice(word.length)
    if (rest !== '' && !/^\s/.test(rest)) return fail('CONTAINER_COMMAND_QUOTE_OPEN')
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, (_all, single, double) => single ?? double))
    rest = rest.trimStart()
  }
  if (words.length === 0 || words[0] === '') return fail('CONTAINER_COMMAND_EMPTY')
  return words.length > wordsMax ? fail('CONTAINER_COMMAND_TOO_LONG') : ok(words)
}

/** The command of one component: `{name}` stands for its name. */
export const commandFor = (command: readonly string[], component: string): readonly string[] =>
  command.map((word) => word.replaceAll('{name}', component))

const variablePrefix = 'KILL_CONTAINER_CMD_'

/**
 * Puts the commands that the environment names (`KILL_CONTAINER_CMD_<NAME>`) before the configured
 * ones. One that counts on a shell, or belongs to nobody who may be killed, is a fault, one line
 * each.
 */
export function takeContainerCommands<
  T extends {
    readonly component: string
    readonly killable: boolean
    readonly containerCommand: readonly string[] | null
  },
>(
  watch: readonly T[],
  environment: Readonly<Record<string, string | undefined>>,
): Result<(T & { containerCommand: string[] | T['containerCommand'] })[], string[]> {
  const faults: string[] = []
  const commands = new Map<string, string[]>()
  for (const [name, text = ''] of Object.entries(environment)) {
    if (!name.startsWith(variablePrefix)) continue
    const command = splitCommand(text)
    const isWanted = watch.some((entry) => entry.killable && variableOf(entry.component) === name)
    if (!isWanted) faults.push(`CONTAINER_COMMAND_FOR_NOBODY ${name}`)
    else if (!command.ok) faults.push(`${command.failure} ${name}`)
    else commands.set(name, command.value)
  }
  if (faults.length > 0) return fail(faults)
  return ok(
    watch.map((entry) => ({
      ...entry,
      containerCommand: commands.get(variableOf(entry.component)) ?? entry.containerCommand,
    })),
  )
}

const variableOf = (component: string) => `${variablePrefix}${component.toUpperCase()}`
