import { randomInt } from 'node:crypto'
import { portsFrom, portsInUse } from '../../deploy/bootstrap/ports.ts'

/** A base port whose whole block is free right now. */
export async function freeBasePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const basePort = randomInt(20_000, 30_000)
    if ((await portsInUse(portsFrom(basePort))).length === 0) return basePort
  }
  throw new Error('no free block of ports')
}
