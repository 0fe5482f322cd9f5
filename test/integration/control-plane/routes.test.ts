import { expect, test } from 'vitest'
import { Metrics } from '@bulkhead/control-plane/api/metrics.ts'
import { buildServer } from '@bulkhead/control-plane/api/server.ts'
import type { CommandOutcome } from '@bulkhead/control-plane/commands/core.ts'
import { fail } from '@bulkhead/shared/kernel/result.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'

const refused: CommandOutcome = {
  outcome: 'REFUSED',
  reason: 'SIGNATURE_INVALID',
  command: undefined,
  episode: '',
  detail: '',
  isAudited: true,
}

/** The real server; whatever a handler gets to work with notes that it was used. */
async function server() {
  const commanded: string[] = []
  const asked: string[] = []
  const { registry } = new Metrics('test', '1')
  registry.metrics = async () => {
    asked.push('metrics')
    return ''
  }
  const app = await buildServer({
    gate: {
      submit: async () => {
        commanded.push('submit')
        return refused
      },
      refuse: async () => {
        commanded.push('refuse')
        return refused
      },
    },
    commandTimeoutMs: 1_000,
    buildId: 'test',
    status: async () => {
      asked.push('status')
      throw new Error('nobody is there')
    },
    decisions: async () => {
      asked.push('decisions')
      return fail('SAFETY_REDIS_UNREACHABLE')
    },
    approvals: async () => {
      asked.push('approvals')
      return fail('SAFETY_REDIS_UNREACHABLE')
    },
    archive: {
      latest: () => {
        asked.push('archive')
        return []
      },
      after: () => [],
      lastId: '0-0',
    },
    streams: { isFull: false, add: () => asked.push('streams') },
    metrics: { registry },
    log: createLogger('test', { level: 'silent' }),
  })
  await app.ready()
  return { app, commanded, asked }
}

test('ST-09: one address takes commands and reads nothing, every other reads and commands nothing', async () => {
  const { app, commanded, asked } = await server()
  const paths = Object.keys(app.swagger().paths ?? {})
  expect(paths.length).toBeGreaterThan(8)
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const headers = { 'content-type': 'application/json' }
  const verbs = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
  const used: string[] = []
  for (const url of paths) {
    for (const method of verbs) {
      commanded.length = 0
      asked.length = 0
      const body = method === 'GET' ? null : '{}'
      const response = await fetch(base + url, { method, headers, body })
      const statusCode = response.status
      await response.body?.cancel()
      const isCommand = url === '/api/v1/commands'
      if (statusCode !== 405) used.push(`${method} ${isCommand ? 'command' : 'query'}`)
      expect(statusCode === 405, `${method} ${url}`).toBe(method !== (isCommand ? 'POST' : 'GET'))
      expect(commanded, `${method} ${url}`).toEqual(
        statusCode !== 405 && isCommand ? ['submit'] : [],
      )
      if (isCommand || statusCode === 405) expect(asked, `${method} ${url}`).toEqual([])
    }
  }
  expect([...new Set(used)].sort()).toEqual(['GET query', 'POST command'])
  expect(used.filter((kind) => kind === 'POST command')).toHaveLength(1)
  await app.close()
})
