import { readFileSync, statSync } from 'node:fs'
import { type DrillRecord, wholeDrillLevel } from '@bulkhead/shared/contracts/drill-record.ts'
import { readDrillRecord } from '@bulkhead/shared/runtime/drill-record.ts'
import type { Operators } from '../commands/operators.ts'

const bytesMax = 8_192

/**
 * The last passed drill, from the file that an operator's signature vouches for. A file that is
 * missing, altered, signed by nobody we know or by somebody who may only look counts as no drill:
 * whoever can write the file, such as a trading plane that broke out, cannot forge one.
 */
export function lastDrill(file: string, operators: Operators): DrillRecord | null {
  const text = readSmall(file)
  if (text === undefined) return null
  const record = readDrillRecord(text, (keyId) => {
    const operator = operators.get(keyId)
    if (operator === undefined || operator.role === 'VIEWER') return undefined
    return Buffer.from(operator.key_hex, 'hex')
  })
  return record !== undefined && record.level === wholeDrillLevel ? record : null
}

function readSmall(file: string): string | undefined {
  try {
    return statSync(file).size > bytesMax ? undefined : readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
