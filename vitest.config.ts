import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/**
 * Rungs run one after another. The fast ones share both cores; from integration on, files own
 * processes, signals and deadlines, so they run one at a time.
 */
const rung = (name: string, groupOrder: number, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], sequence: { groupOrder }, ...options },
})

/** Hundreds of processes start from the same sources: they are compiled once. */
const compileCache = join(import.meta.dirname, 'node_modules/.cache/node-compile')

const alone = { pool: 'forks', fileParallelism: false, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    projects: [
      rung('unit', 0),
      rung('property', 0),
      rung('simulation', 0, { testTimeout: 120_000 }),
      rung('integration', 1, { ...alone, testTimeout: 60_000 }),
      rung('browser', 2, { ...alone, testTimeout: 60_000 }),
      rung('acceptance', 3, { ...alone, testTimeout: 120_000 }),
    ],
    env: { NODE_COMPILE_CACHE: compileCache },
    passWithNoTests: false,
    allowOnly: false,
  },
})
