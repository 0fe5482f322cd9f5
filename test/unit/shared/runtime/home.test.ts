import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { homeLayout, projectRoot, readStack, stackHome } from '@bulkhead/shared/runtime/home.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

describe('home of a stack', () => {
  test('is the folder that BULKHEAD_HOME names, else one in the project', () => {
    vi.stubEnv('BULKHEAD_HOME', home)
    expect(stackHome()).toBe(home)
    vi.stubEnv('BULKHEAD_HOME', '')
    expect(stackHome()).toBe(join(projectRoot, '.bulkhead'))
  })

  test('contains everything that a stack writes', () => {
    const layout = homeLayout(home)
    const paths = Object.values(layout).map((place) =>
      typeof place === 'function' ? place('executor') : place,
    )
    expect(paths.filter((path) => path !== home && !path.startsWith(`${home}/`))).toEqual([])
    const files = paths.filter((path) => path.includes('.'))
    expect(new Set(files).size).toBe(files.length)
  })

  test.each(['', '{', '[]', '{"home":"x"}'])('has no stack while its file holds %j', (text) => {
    expect(readStack(home)).toBeUndefined()
    writeFileSync(homeLayout(home).stackFile, text)
    expect(readStack(home)).toBeUndefined()
  })
})

describe('build id', () => {
  test('names the commit, or the version where there is no repository', () => {
    expect(readBuildId()).toMatch(/^([0-9a-f]{12}|v\d+\.\d+\.\d+)$/)
  })
})
