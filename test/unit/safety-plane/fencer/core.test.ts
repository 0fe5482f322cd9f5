import { describe, expect, test } from 'vitest'
import {
  chooseTarget,
  fencerReplies,
  parseReply,
  parseRequest,
  replyBytesMax,
  requestBytesMax,
  requestText,
} from '@bulkhead/safety-plane/fencer/core.ts'

const targets = [
  { component: 'executor', cgroup: '/desk/executor' },
  { component: 'orchestrator', cgroup: '/desk/orchestrator' },
]
const free = () => null

describe('a request to the fencer', () => {
  test.each(['kill', 'state'] as const)('to %s a component is read as it was written', (verb) => {
    const request = { verb, component: 'executor' }
    expect(parseRequest(requestText(request))).toEqual(request)
    expect(chooseTarget(request, targets, free)).toBe(targets[0])
  })

  test.each([
    ['nothing', ''],
    ['a blank line', '\n'],
    ['no end of line', 'kill executor'],
    ['a word too many', 'kill executor now\n'],
    ['two requests', 'kill executor\nkill orchestrator\n'],
    ['another verb', 'freeze executor\n'],
    ['an upper-case verb', 'KILL executor\n'],
    ['two blanks', 'kill  executor\n'],
    ['a carriage return', 'kill executor\r\n'],
    ['a path', 'kill /desk/executor\n'],
    ['a way up', 'kill ../../system.slice\n'],
    ['a number', 'kill 1\n'],
    ['a null byte', 'kill executor\0\n'],
    ['JSON', '{"kill":"executor"}\n'],
    ['a property of every object', 'kill __proto__\n'],
    ['a name beyond all names', `kill ${'a'.repeat(33)}\n`],
    ['more than may be sent', `kill ${'a'.repeat(requestBytesMax)}\n`],
  ])('that is %s is malformed', (_what, text) => {
    expect(parseRequest(text)).toBe('malformed')
    expect(chooseTarget(parseRequest(text), targets, free)).toBe('REFUSED_MALFORMED')
  })

  test.each(['redis', 'dead_man_switch', 'constructor', 'executor2'])(
    'to kill %s, which the configuration does not name, is refused',
    (component) => {
      const request = parseRequest(`kill ${component}\n`)
      expect(chooseTarget(request, targets, free)).toBe('REFUSED_UNKNOWN_COMPONENT')
    },
  )

  test('to kill a group that must live is refused; to look at it is not', () => {
    const refuse = () => 'CGROUP_HOLDS_PROTECTED'
    const component = 'executor'
    expect(chooseTarget({ verb: 'kill', component }, targets, refuse)).toBe(
      'REFUSED_PROTECTED_CGROUP',
    )
    expect(chooseTarget({ verb: 'state', component }, targets, refuse)).toBe(targets[0])
  })
})

describe('an answer of the fencer', () => {
  test('is one known word on a line of its own, within its bound', () => {
    for (const reply of fencerReplies) {
      expect(parseReply(`${reply}\n`)).toBe(reply)
      expect(reply.length + 1).toBeLessThanOrEqual(replyBytesMax)
    }
  })

  test.each(['', 'EMPTY', 'EMPTY\nEMPTY\n', ' EMPTY\n', 'OK\n', 'toString\n'])(
    '%j is none',
    (text) => expect(parseReply(text)).toBeUndefined(),
  )
})
