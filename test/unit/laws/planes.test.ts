import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkPlanes, packageClosure } from './rules/planes.ts'
import { placesOf, plantedIn, readPlanted } from './rules/planted.ts'
import { describeViolations, readJson, readRepository } from './rules/repository.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))

/** Everything a safety-plane process can load. A new name here is a decision, not an accident. */
const SAFETY_PLANE_CLOSURE = [
  '@bulkhead/shared',
  '@ioredis/commands',
  '@noble/curves',
  '@noble/hashes',
  '@pinojs/redact',
  '@scure/base',
  '@scure/starknet',
  'atomic-sleep',
  'bufferutil',
  'ccxt',
  'cluster-key-slot',
  'debug',
  'denque',
  'fflate',
  'ioredis',
  'ms',
  'node-gyp-build',
  'nodemailer',
  'on-exit-leak-free',
  'pino',
  'pino-abstract-transport',
  'pino-std-serializers',
  'process-warning',
  'quick-format-unescaped',
  'real-require',
  'redis-errors',
  'safe-stable-stringify',
  'sonic-boom',
  'split2',
  'standard-as-callback',
  'thread-stream',
  'undici',
  'ws',
  'zod',
]

test('planes never import one another and shared imports nothing of ours', () => {
  const { examined, violations } = checkPlanes(repository)
  expect(examined).toBeGreaterThan(0)
  expect(describeViolations(violations)).toEqual([])
})

test('reports every planted import across a boundary and nothing else', () => {
  const planted = readPlanted('planes')
  const places = placesOf(checkPlanes(planted).violations)
  const manifests = places.filter((place) => place.includes('package.json'))
  expect(places.filter((place) => !manifests.includes(place))).toEqual(plantedIn(planted))
  expect(manifests).toEqual([
    'MANIFEST_NAMES_PLANE control-plane/package.json:1',
    'MANIFEST_NAMES_PLANE shared/package.json:1',
  ])
})

test('the safety plane can load exactly the packages listed here', () => {
  expect(packageClosure(readJson(repository, 'package-lock.json'), 'safety-plane')).toEqual(
    SAFETY_PLANE_CLOSURE,
  )
})

test('a package closure follows nested copies, workspace links and optional packages', () => {
  const lock = {
    packages: {
      'node_modules/@bulkhead/shared': { link: true, resolved: 'shared' },
      app: { dependencies: { '@bulkhead/shared': '1', a: '1' } },
      shared: { dependencies: { b: '1' } },
      'node_modules/a': { dependencies: { c: '2' }, optionalDependencies: { absent: '1' } },
      'node_modules/a/node_modules/c': { peerDependencies: { d: '1' } },
      'node_modules/b': {},
      'node_modules/c': { dependencies: { unreached: '1' } },
      'node_modules/d': {},
      'node_modules/unreached': {},
    },
  }
  expect(packageClosure(lock, 'app')).toEqual(['@bulkhead/shared', 'a', 'b', 'c', 'd'])
})
