import {
  cancelIn,
  type Seen,
  type Shape,
  type ShapedOrder,
  type ShapedState,
} from './shaped-exchange.ts'

type Item = Readonly<Record<string, string>>

const fits = (order: ShapedOrder, isAlgo: boolean, symbol: unknown) =>
  order.isAlgo === isAlgo && (symbol === undefined || order.symbol === symbol)

/** OKX: everything in `{code, msg, data: [...]}`, numbers as text, one outcome per batch item. */
export const okxShape: Shape = ({ path, params }, state) => {
  const data = okxData(path.replace('/api/v5/', ''), params, state)
  if (data === undefined) return undefined
  const isPartial = data.some((row) => 'sCode' in row && row['sCode'] !== '0')
  return { body: { code: isPartial ? '2' : '0', msg: '', data } }
}

function okxData(
  path: string,
  params: Seen['params'],
  state: ShapedState,
): Record<string, unknown>[] | undefined {
  const row = (order: ShapedOrder) => ({
    [order.isAlgo ? 'algoId' : 'ordId']: order.id,
    instId: order.symbol,
    reduceOnly: String(order.reduceOnly),
  })
  switch (path) {
    case 'public/time':
      return [{ ts: '1700000000000' }]
    case 'trade/orders-pending': {
      const isOther = params['instType'] !== undefined && params['instType'] !== 'SWAP'
      return isOther ? [] : state.orders.filter((o) => fits(o, false, params['instId'])).map(row)
    }
    case 'trade/orders-algo-pending':
      return params['ordType'] === 'trigger'
        ? state.orders.filter((o) => fits(o, true, params['instId'])).map(row)
        : []
    case 'trade/cancel-batch-orders':
    case 'trade/cancel-algos':
      return (params['items'] as Item[]).map((item) => {
        const id = item['ordId'] ?? item['algoId'] ?? ''
        return { ordId: id, sCode: cancelIn(state, id) ? '0' : '51400', sMsg: '' }
      })
    case 'account/config':
      return [{ perm: 'read_only,trade' }]
    case 'trade/cancel-all-after':
      state.placed.push(params)
      return [{ triggerTime: '1700000060000', ts: '1700000000000' }]
    case 'account/positions':
      return state.positions.map(({ symbol, size }) => ({
        instId: symbol,
        pos: String(size),
        posSide: 'net',
        mgnMode: 'cross',
        notionalUsd: String(Math.abs(size) * 500),
        markPx: '50000',
        deltaBS: '',
      }))
    case 'market/books':
      return [{ bids: [['50000', '10', '0', '1']], asks: [['50010', '10', '0', '1']] }]
    case 'public/instruments':
      return [{ tickSz: '0.1', lotSz: '1', ctVal: '0.01', ctType: 'linear' }]
    case 'trade/order':
      if (params['ordId'] !== undefined) return [{ accFillSz: '3' }]
      state.placed.push(params)
      return [{ ordId: '77', sCode: '0', sMsg: '' }]
    default:
      return undefined
  }
}

/** Binance USDⓈ-M: bare arrays, one symbol per cancel, conditional orders apart. */
export const binanceShape: Shape = ({ verb, path, params }, state) => {
  const row = (order: ShapedOrder) => ({
    [order.isAlgo ? 'algoId' : 'orderId']: Number(order.id),
    symbol: order.symbol,
    reduceOnly: order.reduceOnly,
  })
  const list = (isAlgo: boolean) => ({
    body: state.orders.filter((order) => fits(order, isAlgo, params['symbol'])).map(row),
  })
  const cancelAll = (isAlgo: boolean) => {
    const chosen = state.orders.filter((order) => fits(order, isAlgo, params['symbol']))
    const isDone = chosen.map(({ id }) => cancelIn(state, id)).every(Boolean)
    return isDone
      ? { body: { code: 200, msg: 'The operation of cancel all open order is done.' } }
      : { status: 400, body: { code: -2011, msg: 'Unknown order sent.' } }
  }
  switch (`${verb} ${path}`) {
    case 'GET /fapi/v1/exchangeInfo':
      return { body: { symbols: [binanceSymbol('BTCUSDT'), binanceSymbol('ETHUSDT')] } }
    case 'GET /fapi/v1/ticker/bookTicker':
      return { body: { symbol: params['symbol'], bidPrice: '50000.0', askPrice: '50010.0' } }
    case 'GET /fapi/v1/openOrders':
      return list(false)
    case 'GET /fapi/v1/openAlgoOrders':
      return list(true)
    case 'DELETE /fapi/v1/allOpenOrders':
      return cancelAll(false)
    case 'DELETE /fapi/v1/algoOpenOrders':
      return cancelAll(true)
    case 'DELETE /fapi/v1/order':
      cancelIn(state, String(params['orderId']))
      return { body: { orderId: Number(params['orderId']) } }
    case 'GET /sapi/v1/account/apiRestrictions':
      return {
        body: {
          enableReading: true,
          enableFutures: true,
          enableWithdrawals: false,
          enableInternalTransfer: false,
          permitsUniversalTransfer: false,
        },
      }
    case 'POST /fapi/v1/countdownCancelAll':
      state.placed.push(params)
      return { body: { symbol: params['symbol'], countdownTime: params['countdownTime'] } }
    case 'GET /fapi/v3/positionRisk':
      return {
        body: state.positions.map(({ symbol, size }) => ({
          symbol,
          positionAmt: String(size),
          positionSide: 'BOTH',
        })),
      }
    case 'POST /fapi/v1/order':
      state.placed.push(params)
      return { body: { orderId: 77, executedQty: '3' } }
    default:
      return undefined
  }
}

const binanceSymbol = (symbol: string) => ({
  symbol,
  filters: [
    { filterType: 'PRICE_FILTER', tickSize: '0.10' },
    { filterType: 'LOT_SIZE', stepSize: '0.001' },
  ],
})

const coins = ['BTC', 'ETH']

/** Hyperliquid: two addresses, requests told apart by `type`, coins by name or by number. */
export const hyperliquidShape: Shape = ({ path, params }, state) => {
  if (path === '/info') return hyperliquidInfo(params, state)
  if (path !== '/exchange') return undefined
  const action = params['action'] as Record<string, unknown>
  if (action['type'] === 'scheduleCancel') {
    state.placed.push(params)
    return { body: { status: 'ok', response: { type: 'default' } } }
  }
  if (action['type'] === 'order') {
    state.placed.push(params)
    const statuses = [{ filled: { totalSz: '3', avgPx: '50000', oid: 77 } }]
    return { body: { status: 'ok', response: { type: 'order', data: { statuses } } } }
  }
  const cancels = action['cancels'] as { a: number; o: number }[]
  const statuses = cancels.map(({ o }) =>
    cancelIn(state, String(o)) ? 'success' : { error: 'Order was never placed, or filled.' },
  )
  return { body: { status: 'ok', response: { type: 'cancel', data: { statuses } } } }
}

function hyperliquidInfo(params: Seen['params'], state: ShapedState) {
  switch (params['type']) {
    case 'meta':
      return { body: { universe: coins.map((name) => ({ name, szDecimals: 3 })) } }
    case 'frontendOpenOrders':
      return {
        body: state.orders.map(({ id, symbol: coin, reduceOnly, isAlgo }) => ({
          coin,
          oid: Number(id),
          reduceOnly,
          isTrigger: isAlgo,
        })),
      }
    case 'openOrders':
      return { body: state.orders.map(({ id, symbol: coin }) => ({ coin, oid: Number(id) })) }
    case 'clearinghouseState':
      return {
        body: {
          assetPositions: state.positions.map(({ symbol: coin, size }) => ({
            position: { coin, szi: String(size) },
          })),
        },
      }
    case 'l2Book':
      return {
        body: { levels: [[{ px: '50000', sz: '1' }], [{ px: '50010', sz: '1' }]] },
      }
    default:
      return undefined
  }
}
