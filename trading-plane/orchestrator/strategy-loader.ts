import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { StrategyDefinition } from '../strategies/strategy.ts'
import type { StrategyConfig } from './config.ts'

export type LoadedStrategy = {
  readonly id: string
  readonly definition: StrategyDefinition
  readonly params: unknown
  readonly instruments: readonly string[]
}

export const strategyFaults = [
  'STRATEGY_MODULE_UNREADABLE',
  'STRATEGY_NOT_EXPORTED',
  'STRATEGY_PARAMS_INVALID',
] as const
export type StrategyFault = {
  readonly code: (typeof strategyFaults)[number]
  readonly id: string
  readonly message: string
}

/** Loads a strategy's module and checks its parameters. Its code runs here for the first time. */
export async function loadStrategy(
  config: StrategyConfig,
): Promise<Result<LoadedStrategy, StrategyFault>> {
  const { id, module } = config
  const file = isAbsolute(module) ? module : join(projectRoot, module)
  let loaded: Readonly<Record<string, unknown>>
  try {
    loaded = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    return fail({ code: 'STRATEGY_MODULE_UNREADABLE', id, message: messageOf(error) })
  }
  const definition = loaded['strategy']
  if (!isDefinition(definition)) {
    const message = `${module} exports no defineStrategy({...}) under the name strategy`
    return fail({ code: 'STRATEGY_NOT_EXPORTED', id, message })
  }
  try {
    const params = definition.params.safeParse(config.params)
    if (!params.success) {
      const message = params.error.issues.map(
        ({ path, message }) => `${path.join('.')}: ${message}`,
      )
      return fail({ code: 'STRATEGY_PARAMS_INVALID', id, message: message.join('; ') })
    }
    const instruments = definition.instruments(params.data)
    return ok({ id, definition, params: params.data, instruments })
  } catch (error) {
    return fail({ code: 'STRATEGY_MODULE_UNREADABLE', id, message: messageOf(error) })
  }
}

function isDefinition(value: unknown): value is StrategyDefinition {
  if (typeof value !== 'object' || value === null) return false
  const { params, instruments, create } = value as Partial<StrategyDefinition>
  return (
    typeof create === 'function' &&
    typeof instruments === 'function' &&
    typeof params?.safeParse === 'function'
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
