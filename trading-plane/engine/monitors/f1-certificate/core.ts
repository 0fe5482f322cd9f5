import type { CertificateLimits } from './config.ts'

/** The parts of `F1_CERT.json` that decide; what else it says is for people. */
export type Certificate = {
  readonly status: string
  readonly generatedMs: number
  readonly buildId: string
  readonly runtimeConfigHash: string
  readonly contractVersion: string
}

export type CertificateState = 'PASS' | 'FAIL' | 'STALE' | 'MISSING' | 'INVALID'

/** The certificate as it was last read; nothing of an earlier one is kept. */
export type CertificateReading = {
  /** Null when there is none, or it cannot be read or understood. */
  readonly certificate: Certificate | null
  readonly readTickMs: number
}

/** A reading that is older says nothing about the file as it is now. */
const readingMsMax = 5_000
/** A certificate from the future beyond the error of two clocks is not believed. */
const futureMsMax = 60_000

export type CertificateView = {
  readonly state: CertificateState
  readonly expiresMs: number | null
}

/** Judges the certificate against what is running, now; there is no grace. */
export function judgeCertificate(
  reading: CertificateReading | null,
  at: { readonly nowMs: number; readonly tickMs: number },
  limits: CertificateLimits,
): CertificateView {
  const isKnown = reading !== null && at.tickMs - reading.readTickMs <= readingMsMax
  const certificate = isKnown ? reading.certificate : null
  if (certificate === null) return { state: 'MISSING', expiresMs: null }
  const { generatedMs } = certificate
  const expiresMs = generatedMs + limits.freshnessMs
  return { state: stateOf(certificate, at.nowMs, limits), expiresMs }
}

function stateOf(
  certificate: Certificate,
  nowMs: number,
  limits: CertificateLimits,
): CertificateState {
  if (certificate.status === 'FAIL') return 'FAIL'
  const isBound =
    certificate.buildId === limits.buildId &&
    certificate.runtimeConfigHash === limits.runtimeConfigHash &&
    certificate.contractVersion === limits.contractVersion
  const ageMs = nowMs - certificate.generatedMs
  if (certificate.status !== 'PASS' || !isBound || ageMs < -futureMsMax) return 'INVALID'
  return ageMs <= limits.freshnessMs ? 'PASS' : 'STALE'
}
