import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { EngineEvent } from '../engine/events.ts'
import type { Certificate } from '../engine/monitors/f1-certificate/core.ts'

/** Keys of contract 2.2.1; more may be there, for people. */
const certificateSchema = z
  .object({
    status: z.string().max(32),
    generated_ts_ms: z.number().positive(),
    build_id: z.string().max(128),
    runtime_config_hash: z.string().max(128),
    contract_version: z.string().max(32),
  })
  .transform(
    (wire): Certificate => ({
      status: wire.status,
      generatedMs: wire.generated_ts_ms,
      buildId: wire.build_id,
      runtimeConfigHash: wire.runtime_config_hash,
      contractVersion: wire.contract_version,
    }),
  )

/** Reads the release certificate at every turn; nothing of an earlier reading is kept. */
export class CertificateReader {
  readonly #file: string
  readonly #handle: (event: EngineEvent) => void
  #isReading = false

  constructor(file: string, handle: (event: EngineEvent) => void) {
    this.#file = file
    this.#handle = handle
  }

  /** One reading at a time; a disk that hangs makes the last one old. */
  async turn(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const text = await readFile(this.#file, 'utf8').catch(() => '')
    this.#isReading = false
    this.#handle({ kind: 'certificate', certificate: parseCertificate(text) })
  }
}

/** Null when the text is no certificate. */
export function parseCertificate(text: string): Certificate | null {
  try {
    const parsed = certificateSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
