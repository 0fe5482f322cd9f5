import { readStack } from '@bulkhead/shared/runtime/home.ts'
import type { Invocation } from '../context.ts'
import {
  checkCgroups,
  checkComponents,
  checkDisk,
  checkHome,
  checkNode,
  checkRedis,
  checkSecrets,
  checkStackFile,
  checkSupervisor,
  checkVenue,
  type Finding,
} from '../doctor-checks.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { openAuditorLink } from '../redis-reader.ts'

/** `bulkhead doctor`: every check is made; bad as soon as one fails. */
export async function runDoctor(invocation: Invocation): Promise<ExitCode> {
  const { home, output } = invocation
  const findings = await examine(home)
  if (output.isJson) output.json(findings)
  else for (const finding of findings) printFinding(finding, output)
  return findings.some(({ state }) => state === 'FAIL') ? exitCodes.bad : exitCodes.ok
}

async function examine(home: string): Promise<Finding[]> {
  const stack = readStack(home)
  const findings = [checkNode(), checkHome(home), checkStackFile(home, stack)]
  if (stack === undefined) return findings
  findings.push(checkSupervisor(stack), checkSecrets(home), checkDisk(home), checkCgroups(stack))
  const link = await openAuditorLink(stack)
  const guarded = stack.guards.map(({ component }) => component)
  if (link.ok) {
    findings.push(await checkRedis(link.value), ...(await checkComponents(link.value, guarded)))
    link.value.close()
  } else {
    const remedy = 'the desk is stopped without it: see log/redis.log'
    findings.push({ check: 'safety redis', state: 'FAIL', found: link.failure, remedy })
  }
  return [...findings, ...(await checkVenue(stack))]
}

function printFinding({ check, state, found, remedy }: Finding, output: Output): void {
  const colour = state === 'OK' ? 'green' : state === 'WARN' ? 'yellow' : 'red'
  const advice = remedy === '' ? '' : `\n${' '.repeat(27)}-> ${remedy}`
  output.line(`${output.paint(colour, state.padEnd(5))} ${check.padEnd(20)} ${found}${advice}`)
}
