import { describe, expect, test } from 'vitest'
import {
  binanceRights,
  deribitRights,
  hyperliquidRights,
  type KeyRight,
  okxRights,
} from '@bulkhead/safety-plane/exchange/key-rights.core.ts'
import {
  faultsOfKey,
  type KeyFault,
  keyFaults,
  probeReport,
  refusals,
  unreadiness,
} from '@bulkhead/safety-plane/key-scope/core.ts'

describe('the rights of a key', () => {
  test.each<[string, KeyRight[]]>([
    ['account:read trade:read_write wallet:none connection', ['read', 'trade']],
    ['account:read trade:read wallet:read', ['read']],
    ['trade:read_write wallet:read_write', ['read', 'trade', 'withdraw', 'transfer']],
    ['account:read_write trade:read_write', ['read', 'trade', 'manage_keys']],
    ['custody:read_write', ['withdraw', 'transfer']],
    ['', []],
    ['xtrade:read_writex', []],
  ])('at Deribit with the scope %j are %j', (scope, rights) => {
    expect(deribitRights(scope)).toEqual(rights)
  })

  test.each<[string, KeyRight[]]>([
    ['read_only', ['read']],
    ['read_only,trade', ['read', 'trade']],
    ['read_only,withdraw,trade', ['read', 'trade', 'withdraw', 'transfer']],
  ])('at OKX with %j are %j', (permissions, rights) => {
    expect(okxRights(permissions)).toEqual(rights)
  })

  test('at Binance follow its flags', () => {
    const none = {
      enableReading: true,
      enableFutures: true,
      enableWithdrawals: false,
      enableInternalTransfer: false,
      permitsUniversalTransfer: false,
    }
    expect(binanceRights(none)).toEqual(['read', 'trade'])
    expect(binanceRights({ ...none, permitsUniversalTransfer: true })).toContain('transfer')
    expect(binanceRights({ ...none, enableInternalTransfer: true })).toContain('transfer')
    expect(binanceRights({ ...none, enableWithdrawals: true })).toContain('withdraw')
    expect(binanceRights({ ...none, enableFutures: false })).not.toContain('trade')
  })

  test('at Hyperliquid are all of them for the key of the account itself', () => {
    expect(hyperliquidRights('0xAB', '0xab')).toContain('withdraw')
    expect(hyperliquidRights('0xCD', '0xab')).toEqual(['read', 'trade'])
  })
})

describe('a key of least privilege', () => {
  test.each<[readonly KeyRight[] | null, KeyFault[]]>([
    [['read', 'trade'], []],
    [null, ['KEY_SCOPE_UNKNOWN']],
    [['read'], ['KEY_CANNOT_TRADE']],
    [
      ['read', 'trade', 'withdraw', 'transfer', 'manage_keys'],
      ['KEY_MAY_WITHDRAW', 'KEY_MAY_TRANSFER', 'KEY_MAY_MANAGE_KEYS'],
    ],
  ])('with %j has the faults %j', (rights, faults) => {
    expect(faultsOfKey(rights)).toEqual(faults)
  })

  const excess: KeyFault[] = ['KEY_MAY_WITHDRAW', 'KEY_MAY_TRANSFER', 'KEY_MAY_MANAGE_KEYS']

  test('is a condition to start with real money only, and never for what is unknown', () => {
    for (const environment of ['LIVE', 'MICRO_LIVE'] as const) {
      expect(refusals(keyFaults, environment)).toEqual(excess)
      expect(unreadiness(keyFaults, environment)).toEqual(keyFaults)
    }
    for (const environment of ['DEV', 'STAGING', 'PAPER'] as const) {
      expect(refusals(keyFaults, environment)).toEqual([])
      expect(unreadiness(keyFaults, environment)).toEqual(['KEY_SCOPE_UNKNOWN', 'KEY_CANNOT_TRADE'])
    }
  })

  test('is called so only when every key was looked at and none may do too much', () => {
    const at = {
      probedAt: '2026-01-01T00:00:00.000Z',
      environment: 'PAPER',
      exchange: 'x',
    } as const
    const good = {
      role: 'safety',
      clientId: 'a',
      scope: { rights: ['read', 'trade'], shown: 'all' },
      fault: null,
    } as const
    const silent = {
      role: 'trading',
      clientId: 'b',
      scope: null,
      fault: 'VENUE_TIMED_OUT',
    } as const
    expect(probeReport([good], at).least_privilege).toBe(true)
    const report = probeReport([good, silent], at)
    expect(report.least_privilege).toBe(false)
    expect(report.keys[1]).toMatchObject({
      may: { trade: null, withdraw: null },
      not_answered: 'VENUE_TIMED_OUT',
      faults: ['KEY_SCOPE_UNKNOWN'],
    })
  })
})
