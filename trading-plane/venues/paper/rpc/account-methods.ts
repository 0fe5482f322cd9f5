import { z } from 'zod'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { type Account, positionOf } from '../account.core.ts'
import { portfolioView, positionView } from '../account-views.core.ts'
import { currencies } from '../instruments.core.ts'
import {
  type Call,
  type Method,
  booleanParam,
  currencyParam,
  findInstrument,
  instrumentParam,
  isRpcError,
  kindParam,
  method,
  principalOf,
} from './method.ts'

/** Positions and funds of the caller's account. */
export const accountMethods: Readonly<Record<string, Method>> = {
  'private/get_position': method(
    { access: 'private' },
    { instrument_name: instrumentParam },
    (call, params) => {
      const instrument = findInstrument(call, params.instrument_name)
      if (isRpcError(instrument)) return fail(instrument)
      const { account } = principalOf(call)
      return ok(positionView(call.venue, account, positionOf(account, instrument)))
    },
  ),
  'private/get_positions': method(
    { access: 'private' },
    {
      currency: z.union([currencyParam, z.enum(['any', 'USDC', 'USDT', 'EURR'])]).default('any'),
      kind: kindParam.default('any'),
    },
    (call, { currency, kind }) => {
      const { account } = principalOf(call)
      const held = [...account.positions.values()].filter(
        ({ instrument, lots }) =>
          lots !== 0 &&
          (currency === 'any' || instrument.currency === currency) &&
          (kind === 'any' || instrument.kind === kind),
      )
      return ok(held.map((position) => positionView(call.venue, account, position)))
    },
  ),

  'private/get_account_summary': method(
    { access: 'private' },
    { currency: currencyParam, extended: booleanParam.default(false) },
    (call, { currency, extended }) => {
      const { account } = principalOf(call)
      return ok({
        ...portfolioView(call.venue, account, currency),
        deposit_address: '',
        fees: [],
        limits: limitsView(call),
        ...(extended ? identityView(account) : {}),
      })
    },
  ),
  'private/get_account_summaries': method(
    { access: 'private' },
    { extended: booleanParam.default(false) },
    (call) => {
      const { account } = principalOf(call)
      const summaries = currencies.map((currency) => ({
        ...portfolioView(call.venue, account, currency),
        limits: limitsView(call),
      }))
      return ok({ ...identityView(account), summaries })
    },
  ),
}

function limitsView({ venue }: Call) {
  const { matching, nonMatching, cancelAll } = venue.config.credits
  return {
    matching_engine: {
      trading: { total: matching },
      spot: matching,
      cancel_all: cancelAll ?? matching,
      maximum_quotes: { rate: 500, burst: 500 },
      maximum_mass_quotes: { rate: 10, burst: 10 },
      guaranteed_mass_quotes: { rate: 2, burst: 2 },
      block_rfq_maker: { rate: 10, burst: 20 },
    },
    limits_per_currency: false,
    non_matching_engine: nonMatching,
  }
}

function identityView(account: Account) {
  return {
    id: account.userId,
    email: `${account.name}@paper.invalid`,
    system_name: account.name,
    username: account.name,
    type: 'subaccount',
    creation_timestamp: 0,
    referrer_id: null,
    login_enabled: false,
    security_keys_enabled: false,
    mmp_enabled: false,
    interuser_transfers_enabled: false,
    self_trading_reject_mode: 'cancel_maker',
    self_trading_extended_to_subaccounts: false,
  }
}
