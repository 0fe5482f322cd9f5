import { spawn } from 'node:child_process'
import { findStack, type Invocation } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'

/** `bulkhead last-resort look`: what is at risk at the exchange, asked with the safety key. */
export const runLook = (invocation: Invocation): Promise<number> => run(invocation, 'look')

/** `bulkhead last-resort cancel`: cancels every order, with nothing but the exchange to help. */
export const runCancel = (invocation: Invocation): Promise<number> => run(invocation, 'cancel')

/** Runs what the stack says, on this terminal, and ends with its status. */
async function run(invocation: Invocation, what: 'look' | 'cancel'): Promise<number> {
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const [program = '', ...args] = stack.last_resort[what]
  const child = spawn(program, args, { stdio: 'inherit' })
  return new Promise((resolve) => {
    child.once('error', (error) => {
      invocation.output.error(error.message)
      resolve(exitCodes.unreachable)
    })
    child.once('exit', (code) => resolve(code ?? exitCodes.bad))
  })
}
