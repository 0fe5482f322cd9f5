import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { Desk, type Settings } from './desk.ts'
import { accountParameters, fixedAccountParameters } from './probes-account.ts'
import { fixedParameters, modeParameters, orderParameters } from './probes-desk.ts'
import { groupParameters } from './probes-groups.ts'
import { impactParameters } from './probes-impact.ts'
import { marketParameters } from './probes-market.ts'
import type { Parameter } from './parameter.ts'

const parameters: readonly Parameter[] = [
  ...orderParameters,
  ...marketParameters,
  ...modeParameters,
  ...impactParameters,
  ...groupParameters,
  ...accountParameters,
]
const fixed: readonly Parameter[] = [...fixedParameters, ...fixedAccountParameters]

/** The key and the default of every parameter, as the page tells them. */
const page = readFileSync(join(projectRoot, 'docs/reference/critical-config-keys.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| ([\d.]+) \| \w+ \| `([\w.]+)` \|$/gm)]
const keys = new Map(rows.map(([, name, value, key]) => [name, { key: key ?? '', value }]))

/** Every parameter that the page names with a default, fixed ones too. */
const named = [...page.matchAll(/^\| `(\w+)` \| [\d.]+ \|/gm)].map(([, name = '']) => name)

/** Waits that begin with the start of the desk, and are in the way of every other probe. */
const quiet: Settings = { 'monitors.networkJitter.exitStableS': 0, emergencyCooldownS: 0 }

/** A file that says every parameter but this one, or this one with this value. */
function settingsOf({ name, beside = {} }: Parameter, value?: number): Settings {
  const said = parameters.map((each): [string, unknown] => {
    const { key = '', value: own } = keys.get(each.name) ?? {}
    return [key, quiet[key] ?? Number(own)]
  })
  const settings: Record<string, unknown> = { ...Object.fromEntries(said), ...beside }
  const key = keys.get(name)?.key ?? ''
  delete settings[key]
  return value === undefined ? settings : { ...settings, [key]: value }
}

const answersOf = ({ inputs, probe }: Parameter, settings: Settings) =>
  Promise.all(inputs.map(async (input) => await probe(new Desk(settings).becomeActive(), input)))

describe('a parameter of Appendix A that the file leaves out', () => {
  test.each(parameters)('AT-424: has its default at work: $name', async (parameter) => {
    const { gives, other } = parameter
    expect(keys.has(parameter.name)).toBe(true)
    expect(await answersOf(parameter, settingsOf(parameter))).toEqual(gives)
    expect(await answersOf(parameter, settingsOf(parameter, other?.value))).toEqual(other?.gives)
  })

  test.each(fixed)('AT-424: has its default at work on every desk: $name', async (parameter) => {
    expect(keys.has(parameter.name)).toBe(false)
    expect(await answersOf(parameter, quiet)).toEqual(parameter.gives)
  })

  test('AT-424: is shown at work whenever the page of critical keys names it', () => {
    const shown = [...parameters, ...fixed].map(({ name }) => name)
    expect(new Set(shown).size).toBe(shown.length)
    expect(shown.toSorted()).toEqual(named.toSorted())
  })
})
