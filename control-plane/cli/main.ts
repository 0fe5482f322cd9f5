import '@bulkhead/shared/runtime/runtime-version.ts'
import { runApprovals } from './commands/approvals.ts'
import { runAuditTail } from './commands/audit.ts'
import { runAuditExport } from './commands/audit-export.ts'
import { runAuditVerify } from './commands/audit-verify.ts'
import { runExplain } from './commands/explain.ts'
import { runDoctor } from './commands/doctor.ts'
import { runGuard } from './commands/guard.ts'
import { runKill } from './commands/kill.ts'
import { runCancel, runLook } from './commands/last-resort.ts'
import { runLedgerInspect, runLedgerVerify } from './commands/ledger.ts'
import { runReset } from './commands/reset.ts'
import { runHealth, runStatus } from './commands/status.ts'
import { type Invocation, readInvocation } from './context.ts'
import { exitCodes } from './exit-codes.ts'
import { helpText } from './help.ts'

const commands: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  status: runStatus,
  health: runHealth,
  kill: runKill,
  reset: runReset,
  explain: runExplain,
  approvals: runApprovals,
  'audit tail': runAuditTail,
  'audit verify': runAuditVerify,
  'audit export': runAuditExport,
  'ledger inspect': runLedgerInspect,
  'ledger verify': runLedgerVerify,
  'last-resort look': runLook,
  'last-resort cancel': runCancel,
  doctor: runDoctor,
}

/** Commands that read the words after their name themselves. */
const takingWords: ReadonlySet<string> = new Set(['explain', 'approvals'])

// A reader such as `head` may leave early; that is not a fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await run(process.argv.slice(2))

async function run(argv: readonly string[]): Promise<number> {
  // What comes after it belongs to the guard and to the bot, not to the options read here.
  if (argv[0] === 'guard') return runGuard(argv.slice(1))
  const invocation = readInvocation(argv)
  if (!invocation.ok) {
    process.stderr.write(`${invocation.failure}\n\n${helpText}\n`)
    return exitCodes.usage
  }
  const { words, options, output } = invocation.value
  const [first = ''] = words
  const name = takingWords.has(first) ? first : words.join(' ')
  if (options.help || name === 'help') {
    output.line(helpText)
    return exitCodes.ok
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command(invocation.value)
  output.error(name === '' ? helpText : `There is no command \`${name}\`.\n\n${helpText}`)
  return exitCodes.usage
}
