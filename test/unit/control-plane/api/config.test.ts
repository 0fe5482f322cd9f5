import { describe, expect, it } from 'vitest'
import { controlApiConfigSchema } from '../../../../control-plane/api/config.ts'

const least = {
  component: 'control_api',
  environment: 'LIVE',
  redis: { socketPath: '/run/redis.sock', username: 'control', passwordFile: '/p' },
  logFile: '/l',
  auditSpoolFile: '/s',
  port: 0,
  masterKeyFile: '/m',
  operatorsFile: '/o',
  policy: { keyFile: '/k' },
  archiveFile: '/a',
}
const faultsOf = (overrides: object) =>
  controlApiConfigSchema
    .safeParse({ ...least, ...overrides })
    .error?.issues.map(({ path }) => path.map(String).join('.')) ?? []

describe('the configuration of the control API', () => {
  it('ST-14: gives an actor 30 s by default, and no configuration can give it more', () => {
    expect(controlApiConfigSchema.parse(least).commandTimeoutMs).toBe(30_000)
    expect(faultsOf({ commandTimeoutMs: 30_001 })).toEqual(['commandTimeoutMs'])
  })

  it('accepts commands that are 30 s old by default and 300 s at most', () => {
    expect(controlApiConfigSchema.parse(least).commandWindow).toEqual({
      ageMsMax: 30_000,
      futureSkewMsMax: 30_000,
    })
    expect(faultsOf({ commandWindow: { ageMsMax: 300_001 } })).toEqual(['commandWindow.ageMsMax'])
    expect(faultsOf({ commandWindow: { futureSkewMsMax: 30_001 } })).toEqual([
      'commandWindow.futureSkewMsMax',
    ])
  })

  it('listens on loopback only', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com']) {
      expect(faultsOf({ host })).toEqual(['host'])
    }
  })

  it('refuses a refresh that is too slow to notice silence in time', () => {
    expect(faultsOf({ refreshIntervalMs: 600, silentAfterMs: 1_000 })).toEqual([
      'refreshIntervalMs',
    ])
  })
})
