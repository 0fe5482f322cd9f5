import type { ModeDecision } from '../trading-mode/evaluate.ts'
import type { Judgement } from './record.ts'

/** Mode and permission of one moment, each decided once, the second from the first. */
export type Desk = { readonly mode: ModeDecision; readonly permission: Judgement }
