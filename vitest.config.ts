import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/**
 * Rungs run one after another. From integration on, files own processes, ports and a Redis of their
 * own. Of integration two run at a time, because they wait more than they work; what stands for the
 * whole system, with its own short ladders, has the machine for itself.
 */
const rung = (name: string, groupOrder: number, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], sequence: { groupOrder }, ...options },
})

/** Hundreds of processes start from the same sources: they are compiled once. */
const compileCache = join(import.meta.dirname, 'node_modules/.cache/node-compile')

const twoAtATime = { pool: 'forks', maxWorkers: 2, hookTimeout: 60_000 }
const alone = { ...twoAtATime, maxWorkers: 1 }

export default defineConfig({
  test: {
    projects: [
      rung('unit', 0, { testTimeout: 30_000 }),
      rung('property', 0, { testTimeout: 60_000 }),
      rung('simulation', 0, { testTimeout: 120_000 }),
      rung('integration', 1, { ...twoAtATime, testTimeout: 60_000 }),
      rung('browser', 2, { ...alone, testTimeout: 60_000 }),
      rung('acceptance', 3, { ...alone, testTimeout: 120_000 }),
    ],
    env: { NODE_COMPILE_CACHE: compileCache },
    passWithNoTests: false,
    allowOnly: false,
  },
})
