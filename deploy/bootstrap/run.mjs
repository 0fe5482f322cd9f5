#!/usr/bin/env node
// The first step of every npm script. It runs on whatever Node the host has, before anything is
// installed, so it uses plain JavaScript and no dependency. It brings the pinned Node and the rest,
// then hands over to it.
import { spawn } from 'node:child_process'
import { ensureDependencies, pinnedNode } from './dependencies.mjs'
import {
  ensureChromium,
  ensureContainerTools,
  ensurePython,
  ensureRedisServer,
  ensureStrace,
  ensureSystemdTools,
} from './system-packages.mjs'

const root = new URL('../..', import.meta.url).pathname

const testNeeds = [
  ensureRedisServer,
  ensureChromium,
  ensureSystemdTools,
  ensurePython,
  ensureContainerTools,
  ensureStrace,
]

/** What each command needs on the host and which program it starts. */
const commands = {
  install: { needs: [], program: undefined },
  start: { needs: [ensureRedisServer], program: ['deploy/bootstrap/start.ts'] },
  test: { needs: testNeeds, program: ['deploy/bootstrap/run-tests.ts'] },
  test_csp_only: { needs: testNeeds, program: ['plans/test-csp-only.ts'] },
  drill: { needs: [ensureRedisServer], program: ['deploy/drills/drill.ts'] },
  record: { needs: [], program: ['deploy/drills/record.ts'] },
  keys: { needs: [], program: ['safety-plane/key-scope/main.ts'] },
  paper: { needs: [], program: ['trading-plane/venues/paper/main.ts'] },
  sim: { needs: [], program: ['test/simulation/main.ts'] },
  crash: { needs: [ensureRedisServer], program: ['test/crash-loop/main.ts'] },
  faults: { needs: [ensureStrace], program: ['test/write-faults/main.ts'] },
  bench: {
    needs: [ensureRedisServer, ensureSystemdTools, ensurePython],
    program: ['test/bench/run.ts'],
  },
}

const [name = '', ...args] = process.argv.slice(2)
const command = commands[name]
if (command === undefined) {
  process.stderr.write(`usage: run.mjs ${Object.keys(commands).join(' | ')}\n`)
  process.exit(2)
}
ensureDependencies(root)
for (const need of command.needs) need()
if (command.program !== undefined) handOver([...command.program, ...args])

/** Runs the program with the pinned Node, passes signals on and ends as it ends. */
function handOver(argv) {
  const child = spawn(pinnedNode(root), argv, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}` },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('exit', (code, signal) => {
    if (signal !== null) process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
    process.exit(code ?? 1)
  })
}
