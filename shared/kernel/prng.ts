/**
 * A seeded source of numbers in [0, 1); the same seed gives the same sequence. Never for secrets.
 */
export type Prng = () => number

/**
 * mulberry32: 32 bits of state, passes gjrand, fast enough to be ignored.
 *
 * @param seed any integer; only its low 32 bits count
 */
export function createPrng(seed: number): Prng {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
