import { describe, expect, test } from 'vitest'
import {
  commandFor,
  splitCommand,
  takeContainerCommands,
} from '@bulkhead/safety-plane/sever/container.core.ts'

describe('the text of a container command', () => {
  test.each<[string, string[]]>([
    ['runc kill --all bot KILL', ['runc', 'kill', '--all', 'bot', 'KILL']],
    ['  docker   kill\tbot  ', ['docker', 'kill', 'bot']],
    [`docker kill 'a bot'`, ['docker', 'kill', 'a bot']],
    ['docker kill "a bot"', ['docker', 'kill', 'a bot']],
    [`docker --label="it's me" kill`, ['docker', `--label=it's me`, 'kill']],
    [`docker kill ''`, ['docker', 'kill', '']],
    ['runc delete -f {name}', ['runc', 'delete', '-f', '{name}']],
  ])('%j is split at blanks and quotes only', (text, words) => {
    expect(splitCommand(text)).toEqual({ ok: true, value: words })
  })

  test.each([
    ['CONTAINER_COMMAND_EMPTY', ''],
    ['CONTAINER_COMMAND_EMPTY', '   '],
    ['CONTAINER_COMMAND_EMPTY', `'' kill`],
    ['CONTAINER_COMMAND_QUOTE_OPEN', `docker kill 'bot`],
    ['CONTAINER_COMMAND_QUOTE_OPEN', `docker kill "bot'`],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot; reboot'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot && reboot'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot | cat'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill $(cat bots)'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill `cat bots`'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill $BOT'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot > /dev/null'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot*'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot\nreboot'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill "$(reboot)"'],
    ['CONTAINER_COMMAND_NEEDS_SHELL', 'docker kill bot\0reboot'],
    ['CONTAINER_COMMAND_TOO_LONG', 'a'.repeat(4_097)],
    ['CONTAINER_COMMAND_TOO_LONG', Array.from({ length: 33 }, () => 'a').join(' ')],
  ])('%s: %j', (failure, text) => {
    expect(splitCommand(text)).toEqual({ ok: false, failure })
  })

  test('has the name of the component put in its place', () => {
    expect(commandFor(['runc', 'kill', '{name}', 'x-{name}'], 'bot')).toEqual([
      'runc',
      'kill',
      'bot',
      'x-bot',
    ])
  })
})

describe('the commands in the environment', () => {
  const watch = [
    { component: 'my_bot', killable: true, containerCommand: ['docker', 'stop', 'bot'] },
    { component: 'executor', killable: true, containerCommand: null },
    { component: 'control_api', killable: false, containerCommand: null },
  ]
  const take = (environment: Record<string, string>) =>
    takeContainerCommands(watch, { PATH: '/bin', ...environment })

  test('go before the configured one, each for its component', () => {
    expect(take({ KILL_CONTAINER_CMD_MY_BOT: 'runc kill {name} KILL' })).toEqual({
      ok: true,
      value: [
        { ...watch[0], containerCommand: ['runc', 'kill', '{name}', 'KILL'] },
        watch[1],
        watch[2],
      ],
    })
    expect(take({})).toEqual({ ok: true, value: watch })
  })

  test.each<[string[], Record<string, string>]>([
    [
      ['CONTAINER_COMMAND_NEEDS_SHELL KILL_CONTAINER_CMD_EXECUTOR'],
      { KILL_CONTAINER_CMD_EXECUTOR: 'docker kill a; reboot' },
    ],
    [['CONTAINER_COMMAND_EMPTY KILL_CONTAINER_CMD_EXECUTOR'], { KILL_CONTAINER_CMD_EXECUTOR: '' }],
    [
      ['CONTAINER_COMMAND_FOR_NOBODY KILL_CONTAINER_CMD_NAUTILUS'],
      { KILL_CONTAINER_CMD_NAUTILUS: 'docker kill nautilus' },
    ],
    [
      ['CONTAINER_COMMAND_FOR_NOBODY KILL_CONTAINER_CMD_CONTROL_API'],
      { KILL_CONTAINER_CMD_CONTROL_API: 'docker kill api' },
    ],
    [
      ['CONTAINER_COMMAND_FOR_NOBODY KILL_CONTAINER_CMD_executor'],
      { KILL_CONTAINER_CMD_executor: 'true' },
    ],
  ])('are refused with %j: %j', (failure, environment) => {
    expect(take(environment)).toEqual({ ok: false, failure })
  })
})
