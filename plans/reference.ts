import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  alertDrops,
  alertOutcomes,
  alertOutcomeWords,
} from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import {
  auditFaultCodes,
  auditFaultWords,
} from '@bulkhead/shared/contracts/reasons/audit-faults.ts'
import { commandRefusals } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { egressRefusals } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import {
  guardRefusals,
  livenessVerdicts,
} from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import {
  intentDenialReasons,
  openPermissionReasons,
} from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { incidentCodes, incidentWords } from '@bulkhead/shared/contracts/reasons/incidents.ts'
import { sviRejections } from '@bulkhead/shared/contracts/reasons/svi-rejections.ts'
import { trimRefusals } from '@bulkhead/shared/contracts/reasons/trim-refusals.ts'
import { killTriggers } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'
import {
  killModeReasons,
  modeReasonWords,
  reduceOnlyModeReasons,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import {
  resetObstacles,
  resetObstacleWords,
} from '@bulkhead/shared/contracts/reasons/reset-obstacles.ts'
import {
  permissionFaults,
  permissionReasons,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'

/** A closed list as its page shows it; `words` explains a code to people who do not know it. */
interface ReasonList {
  readonly name: string
  readonly title: string
  readonly order: string
  readonly codes: readonly string[]
  readonly words?: Readonly<Record<string, string>>
}

const PRECEDENCE = 'In the order in which they are shown.'

/** Every closed list of reasons, in the order of the page. */
export const reasonLists: readonly ReasonList[] = [
  {
    name: 'killModeReasons',
    title: 'Why the mode is Kill',
    order: PRECEDENCE,
    codes: killModeReasons,
    words: modeReasonWords,
  },
  {
    name: 'reduceOnlyModeReasons',
    title: 'Why the mode is ReduceOnly',
    order: PRECEDENCE,
    codes: reduceOnlyModeReasons,
    words: modeReasonWords,
  },
  {
    name: 'openPermissionReasons',
    title: 'Why opening is latched',
    order: 'Each stays until a reconciliation clears it.',
    codes: openPermissionReasons,
  },
  {
    name: 'intentDenialReasons',
    title: 'Why an intent was denied',
    order: 'Denied is ours; what the venue refuses is rejected, with its own code.',
    codes: intentDenialReasons,
  },
  {
    name: 'permissionReasons',
    title: 'Why the trade permission is what it is',
    order: 'In the order of the gates: kill switch, budget, health, risk.',
    codes: permissionReasons,
  },
  {
    name: 'permissionFaults',
    title: 'What is wrong with an input of the trade permission',
    order: 'Recorded beside the decision.',
    codes: permissionFaults,
  },
  {
    name: 'sviRejections',
    title: 'Why a fitted volatility smile is not used',
    order: 'In the order of the guards; the last valid fit is held.',
    codes: sviRejections,
  },
  {
    name: 'incidentCodes',
    title: 'What is an incident',
    order: 'In the audit log as INCIDENT_CREATED, and counted in the status.',
    codes: incidentCodes,
    words: incidentWords,
  },
  {
    name: 'killTriggers',
    title: 'What starts or raises a kill',
    order: 'Strongest evidence first.',
    codes: killTriggers,
  },
  {
    name: 'commandRefusals',
    title: 'Why a signed command was refused',
    order: 'In the order of the checks.',
    codes: commandRefusals,
  },
  {
    name: 'resetObstacles',
    title: 'What stands in the way of a reset',
    order: PRECEDENCE,
    codes: resetObstacles,
    words: resetObstacleWords,
  },
  {
    name: 'guardRefusals',
    title: 'Why a guard did not start its bot',
    order: 'In the order of the checks; nothing of the bot has run.',
    codes: guardRefusals,
  },
  {
    name: 'livenessVerdicts',
    title: 'What a guard makes of its bot',
    order: 'Strongest evidence first; only STARTING and ALIVE are followed by a heartbeat.',
    codes: livenessVerdicts,
  },
  {
    name: 'auditFaultCodes',
    title: 'What `audit verify` can find',
    order: 'The first bad entry is named first, whatever its code.',
    codes: auditFaultCodes,
    words: auditFaultWords,
  },
  {
    name: 'trimRefusals',
    title: 'Why archived entries stay in the audit log',
    order: 'In the audit log as LOG_TRIM_REFUSED, but for the one that only waits for a seal.',
    codes: trimRefusals,
  },
  {
    name: 'alertOutcomes',
    title: 'What came of a try to send an alert',
    order: 'The first is the only good one.',
    codes: alertOutcomes,
    words: alertOutcomeWords,
  },
  {
    name: 'alertDrops',
    title: 'Why an alert was given up',
    order: 'Each is in the audit log as ALERT_DROPPED.',
    codes: alertDrops,
  },
  {
    name: 'egressRefusals',
    title: 'Why the egress gate refused a connection',
    order: 'In the order of the checks; the code stands in place of the HTTP reason phrase.',
    codes: egressRefusals,
  },
]

/** The page `docs/reference/reasons.md`, whole. */
export function renderReasons(): string {
  const sections = reasonLists.map(({ title, order, codes, words }) => {
    const head = words ? ['| code | in words |', '|---|---|'] : ['| code |', '|---|']
    const rows = codes.map((code) =>
      words ? `| \`${code}\` | ${words[code]} |` : `| \`${code}\` |`,
    )
    return [`## ${title}`, '', order, '', ...head, ...rows, ''].join('\n')
  })
  const intro =
    'Generated from `shared/contracts/reasons` by `npm run reference`. The lists are closed: a code\n' +
    'is never renamed or used again, and one that is no longer given stays listed as retired.\n'
  return ['# Reason codes', '', intro, ...sections].join('\n')
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '../docs/reference/reasons.md'), renderReasons())
}
