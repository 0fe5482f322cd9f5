import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

/** Where the units expect the project. */
export const installedRoot = '/opt/bulkhead'

const unitsDir = join(projectRoot, 'deploy/systemd/units')

/** Settings of one unit with those of its drop-ins, each with all its values in order. */
export type UnitFile = {
  readonly name: string
  readonly values: (key: string) => readonly string[]
  readonly value: (key: string) => string | undefined
}

/** Copies the units, with the project's place on this machine put into them. */
export function copyUnits(target: string): string[] {
  cpSync(unitsDir, target, { recursive: true })
  const files = readdirSync(target, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(service|slice|target|conf)$/.test(file))
    .map((file) => join(target, file))
  for (const file of files) {
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(installedRoot, projectRoot))
  }
  return files.filter((file) => !file.endsWith('.conf'))
}

export function readUnits(suffix: 'service' | 'slice' | 'target'): UnitFile[] {
  const dropIn = settingsOf(join(unitsDir, 'bulkhead-.service.d/hardening.conf'))
  return readdirSync(unitsDir)
    .filter((file) => file.endsWith(`.${suffix}`))
    .map((file) => {
      const settings = [
        ...settingsOf(join(unitsDir, file)),
        ...(suffix === 'service' ? dropIn : []),
      ]
      const values = (key: string) =>
        settings.filter(([name]) => name === key).map(([, value]) => value)
      return {
        name: basename(file, `.${suffix}`),
        values,
        value: (key: string) => values(key).at(-1),
      }
    })
}

function settingsOf(file: string): [string, string][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^[A-Za-z]+=/.test(line))
    .map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    })
}
