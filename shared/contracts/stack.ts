import { z } from 'zod'
import { guardedComponentSchema, guardedMax } from './components.ts'

/**
 * `stack.json` in the home of a running stack: where everything is. Written by the bootstrap once
 * all components are ready, read by the CLI and the drills. It holds paths of secrets, never
 * secrets.
 */
export const stackSchema = z.strictObject({
  home: z.string(),
  environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
  build_id: z.string(),
  started_wall_ms: z.number(),
  supervisor_pid: z.int(),
  supervisor_start_ticks: z.string(),
  dashboard_url: z.url(),
  redis: z.strictObject({
    socket_path: z.string(),
    port: z.int(),
    auditor_password_file: z.string(),
    /** Hands in signed commands when the control API does not answer. */
    operator_password_file: z.string(),
  }),
  venue: z.strictObject({
    http_url: z.url(),
    ws_url: z.url(),
    control_url: z.url().nullable(),
    control_token_file: z.string().nullable(),
  }),
  operator: z.strictObject({
    operator_id: z.string(),
    key_version: z.int(),
    key_file: z.string(),
  }),
  /**
   * Command lines that need neither control plane nor safety Redis: one says what is at risk at the
   * exchange, the other cancels every order there.
   */
  last_resort: z.strictObject({
    look: z.array(z.string().min(1)).min(1).max(16),
    cancel: z.array(z.string().min(1)).min(1).max(16),
  }),
  /** Bots that this stack is provisioned to guard, and the command line that guards each. */
  guards: z
    .array(
      z.strictObject({
        component: guardedComponentSchema,
        argv: z.array(z.string().min(1)).min(1).max(16),
      }),
    )
    .max(guardedMax),
  components: z.array(
    z.strictObject({ component: z.string(), pid: z.int(), cgroup: z.string().nullable() }),
  ),
})
export type Stack = z.infer<typeof stackSchema>
