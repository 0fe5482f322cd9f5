import type { ChainEnd } from './segment.ts'

/** What the writer thread is started with. */
export type WriterData = {
  readonly ring: SharedArrayBuffer
  readonly directory: string
  readonly component: string
  readonly before: ChainEnd
  /** Number of the first file that it makes. */
  readonly fileNumber: number
  readonly segmentBytes: number
  readonly batchBytesMax: number
  readonly syncIntervalMs: number
  readonly spinUs: number
}

/** What the writer says: a file began, a file is final. Durability is in the ring, not here. */
export type WriterNews =
  | { readonly kind: 'began'; readonly name: string }
  | { readonly kind: 'sealed'; readonly name: string }
