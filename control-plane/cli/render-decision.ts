import type { DecisionRecord } from '@bulkhead/shared/contracts/decisions.ts'
import type { Paint } from './output.ts'
import { timeText } from './render-status.ts'

type Known = string | number | boolean

/** One judgement as a person reads it: what was asked, gate by gate, and what they looked at. */
export function renderDecision(record: DecisionRecord, paint: Paint): string[] {
  const isDenied = record.verdict === 'denied'
  const verdict = {
    denied: paint('red', `DENIED ${record.reject_reason_code ?? ''}`),
    held: paint('yellow', 'HELD until people agree (bulkhead approvals)'),
    permitted: paint('green', 'PERMITTED'),
  }[record.verdict]
  return [
    `intent      ${record.intent_id} of ${record.strategy_id}, ${record.intent_class}`,
    `judged      ${timeText(record.decided_ms)} ${verdict}`,
    `asked       ${pairs(record.wish)}`,
    `judged by   ${pairs(record.inputs)}`,
    ...record.passed.map((gate) => `  ${paint('green', 'passed')}   ${gate}`),
    ...(isDenied ? [refusal(record, paint)] : []),
    ...(record.order === null ? [] : [`order       ${pairs(record.order)}`]),
    '',
  ]
}

function refusal(
  { refused_by: gate, reject_reason_code: reason, figures }: DecisionRecord,
  paint: Paint,
): string {
  const by = Object.keys(figures).length === 0 ? '' : ` (${pairs(figures)})`
  return `  ${paint('red', 'refused')}  ${gate ?? ''}: ${reason ?? ''}${by}`
}

/** What is not known is said so; what does not apply is left out. */
function pairs(fields: Readonly<Record<string, Known | null>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value === null ? 'unknown' : String(value)}`)
    .join(' ')
}
