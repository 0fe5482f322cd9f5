import { rmSync, writeFileSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadConfig } from '@bulkhead/shared/runtime/config.ts'
import type { Certificate } from '@bulkhead/trading-plane/engine/monitors/f1-certificate/core.ts'
import {
  CertificateReader,
  parseCertificate,
} from '@bulkhead/trading-plane/executor/certificate-reader.ts'
import { monitorsConfig, monitorsSchema } from '@bulkhead/trading-plane/executor/monitors-config.ts'
import { reference, running } from '../harness.ts'
import { defaults, expectBlocked, expectOpen, MonitorBench } from './monitor-bench.ts'

const invalid = ['REDUCEONLY_F1_CERT_INVALID']
const live = (runtimeConfigHash = running.runtimeConfigHash) =>
  monitorsConfig(monitorsSchema.parse({}), [reference.name], {
    ...running,
    environment: 'LIVE',
    runtimeConfigHash,
  }).certificate

/** A desk with real money, whose certificate is this one, or missing. */
class CertifiedBench extends MonitorBench {
  certificate: Certificate | null = this.passed()

  constructor(limits = live()) {
    super({ certificate: limits })
    this.becomeActive()
  }

  passed(change: Partial<Certificate> = {}): Certificate {
    return {
      status: 'PASS',
      generatedMs: this.at().nowMs,
      buildId: running.buildId,
      runtimeConfigHash: running.runtimeConfigHash,
      contractVersion: '5.2',
      ...change,
    }
  }

  override calm(): void {
    super.calm()
    this.give({ kind: 'certificate', certificate: this.certificate ?? null })
  }

  with(certificate: Certificate | null): this {
    this.certificate = certificate
    return this.during(100)
  }

  state() {
    return this.engine.view(this.at()).snapshot.certificateState
  }
}

const home = mkdtempSync(join(tmpdir(), 'certificate-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const file = join(home, 'F1_CERT.json')
const wire = (certificate: Certificate, more = {}) => ({
  status: certificate.status,
  generated_ts_ms: certificate.generatedMs,
  build_id: certificate.buildId,
  runtime_config_hash: certificate.runtimeConfigHash,
  contract_version: certificate.contractVersion,
  ...more,
})

describe('the release certificate', () => {
  test('AT-020: of another build, configuration or contract opens nothing', () => {
    const others = [
      { buildId: 'build-2' },
      { runtimeConfigHash: 'deadbeef' },
      { contractVersion: '5.1' },
    ]
    for (const other of others) {
      const bench = new CertifiedBench()
      expectOpen(bench)
      bench.with(bench.passed(other))
      expect(bench.state()).toBe('INVALID')
      expectBlocked(bench, 'ReduceOnly', invalid)
    }
  })

  test('AT-021: that was good and is gone, stale or failed is not remembered as good', () => {
    const bench = new CertifiedBench()
    expectOpen(bench)
    expectBlocked(bench.with(null), 'ReduceOnly', invalid)
    expectOpen(bench.with(bench.passed()))
    expectBlocked(bench.with(bench.passed({ status: 'FAIL' })), 'ReduceOnly', invalid)
    expectOpen(bench.with(bench.passed()))
    const old = bench.passed({ generatedMs: bench.at().nowMs - 86_400_001 })
    expectBlocked(bench.with(old), 'ReduceOnly', invalid)
    expect(bench.state()).toBe('STALE')
  })

  test('AT-294: is good for 86,400 seconds and not for a millisecond more', () => {
    const bench = new CertifiedBench()
    const madeMs = bench.at().nowMs + 100
    bench.with(bench.passed({ generatedMs: madeMs - 86_400_000 }))
    expect(bench.state()).toBe('PASS')
    expectOpen(bench)
    bench.pass(1)
    expect(bench.state()).toBe('STALE')
    expectBlocked(bench, 'ReduceOnly', invalid)
  })

  test('AT-012: names the contract version as a number, and that is enough', () => {
    const bench = new CertifiedBench()
    expect(live().contractVersion).toBe('5.2')
    expectOpen(bench.with(bench.passed({ contractVersion: '5.2' })))
    const titled = { contractVersion: 'Version: 5.2 (The "Antifragile" Standard)' }
    expectBlocked(bench.with(bench.passed(titled)), 'ReduceOnly', invalid)
  })

  test('AT-410: may name another policy hash, which decides nothing', () => {
    const bench = new CertifiedBench()
    const text = JSON.stringify(wire(bench.passed(), { policy_hash_at_cert_time: 'another' }))
    expectOpen(bench.with(parseCertificate(text)))
    expect(bench.state()).toBe('PASS')
  })

  test('AT-423: that changes on the disk changes the mode with the next turn', async () => {
    const bench = new CertifiedBench()
    const reader = new CertificateReader(file, (event) => {
      if (event.kind === 'certificate') bench.certificate = event.certificate
    })
    const turn = async () => {
      await reader.turn()
      bench.during(100)
      return bench.state()
    }
    writeFileSync(file, JSON.stringify(wire(bench.passed())))
    expect(await turn()).toBe('PASS')
    expectOpen(bench)
    writeFileSync(file, JSON.stringify(wire(bench.passed({ status: 'FAIL' }))))
    expect(await turn()).toBe('FAIL')
    expectBlocked(bench, 'ReduceOnly', invalid)
    writeFileSync(file, JSON.stringify(wire(bench.passed())))
    expect(await turn()).toBe('PASS')
    rmSync(file)
    expect(await turn()).toBe('MISSING')
    expectBlocked(bench, 'ReduceOnly', invalid)
  })

  test('AT-113: is bound to what a configuration says, not to how it is written', () => {
    const schema = z.strictObject({
      b: z.number(),
      a: z.strictObject({ d: z.string(), c: z.string() }),
    })
    const hashOf = (text: string) => {
      writeFileSync(join(home, 'config.json'), text)
      const loaded = loadConfig(schema, join(home, 'config.json'))
      if (!loaded.ok) throw new Error('the configuration was refused')
      return loaded.value.configHash
    }
    const hash = hashOf('{"a":{"c":"1","d":"2"},"b":3}')
    const same = hashOf('{\n  "b": 3,\n  "a": { "d": "2",   "c": "1" }\n}\n')
    expect(same).toBe(hash)
    const bench = new CertifiedBench(live(same))
    bench.with(bench.passed({ runtimeConfigHash: hash }))
    expect(bench.state()).toBe('PASS')
    expectOpen(bench)
    expect(hashOf('{"a":{"c":"1","d":"2"},"b":4}')).not.toBe(hash)
  })

  test('AT-411: that fails is no reason of the open-permission latch', () => {
    for (const bad of [null, 'FAIL', 'STALE'] as const) {
      const bench = new CertifiedBench()
      const generatedMs = bench.at().nowMs - (bad === 'STALE' ? 90_000_000 : 0)
      bench.with(
        bad === null ? null : bench.passed({ status: bad === 'FAIL' ? bad : 'PASS', generatedMs }),
      )
      expect(bench.mode().reasons).toEqual(invalid)
      expect(bench.engine.view(bench.at()).openPermissionReasons).toEqual([])
    }
  })

  test('is not believed from the future, nor with a status that nobody knows', () => {
    const bench = new CertifiedBench()
    bench.with(bench.passed({ generatedMs: bench.at().nowMs + 3_600_000 }))
    expect(bench.state()).toBe('INVALID')
    bench.with(bench.passed({ status: 'pass' }))
    expect(bench.state()).toBe('INVALID')
  })

  test('that was read too long ago is missing', () => {
    const bench = new CertifiedBench()
    const before = bench.give.bind(bench)
    bench.give = (event) => (event.kind === 'certificate' ? [] : before(event))
    bench.during(5_000)
    expect(bench.state()).toBe('PASS')
    bench.during(100)
    expect(bench.state()).toBe('MISSING')
  })

  test('is shown and not asked for on a paper desk (D-48)', () => {
    expect(defaults.certificate.isRequired).toBe(false)
    expect(live().isRequired).toBe(true)
    expectOpen(new CertifiedBench(defaults.certificate).with(null))
  })

  test.each(['', '{', '[]', '{"status":"PASS"}', '{"status":1,"generated_ts_ms":"x"}'])(
    'cannot be read from %o',
    (text) => {
      expect(parseCertificate(text)).toBeNull()
    },
  )
})
