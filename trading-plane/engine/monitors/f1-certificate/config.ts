/** What a release certificate is held against (contract 2.2.1). */
export type CertificateLimits = {
  /** Where no money is at stake the certificate is shown and not asked for (D-48). */
  readonly isRequired: boolean
  /** `f1_cert_freshness_window_s`. */
  readonly freshnessMs: number
  readonly buildId: string
  readonly runtimeConfigHash: string
  readonly contractVersion: string
}
