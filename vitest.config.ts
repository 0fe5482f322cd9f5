import { defineConfig } from 'vitest/config'

/** Slow rungs run their files one after another: they own processes, ports and signals. */
const rung = (name: string, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
})

export default defineConfig({
  test: {
    projects: [
      rung('unit'),
      rung('property'),
      rung('simulation'),
      rung('integration', { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 }),
      rung('acceptance', { pool: 'forks', testTimeout: 120_000, hookTimeout: 60_000 }),
      rung('browser', { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 }),
    ],
    passWithNoTests: false,
    allowOnly: false,
  },
})
