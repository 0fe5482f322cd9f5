import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const redisMajorMin = 7

/** Finds redis-server 7 or newer, installing it by the system's package manager where that is allowed. */
export function ensureRedisServer() {
  const found = redisMajor()
  if (found !== undefined && found >= redisMajorMin) return
  if (found !== undefined) {
    stop(
      `REDIS_TOO_OLD: redis-server ${found} is installed; install redis-server ${redisMajorMin} or newer.`,
    )
  }
  install('redis-server')
  const installed = redisMajor()
  if (installed === undefined || installed < redisMajorMin) {
    stop(
      `REDIS_MISSING: install redis-server ${redisMajorMin} or newer (Debian, Ubuntu: apt-get install redis-server) and start again.`,
    )
  }
}

/** Finds Chromium, which the browser tests drive, installing it where that is allowed. */
export function ensureChromium() {
  if (hasChromium()) return
  install('chromium')
  if (!hasChromium()) {
    stop(
      'CHROMIUM_MISSING: install Chromium (Debian, Ubuntu: apt-get install chromium) and start again.',
    )
  }
}

/**
 * Finds the tools of systemd that check the units (systemd-analyze) and speak to a service manager
 * (systemd-notify). They work without systemd running the machine.
 */
export function ensureSystemdTools() {
  if (runs('systemd-analyze') && runs('systemd-notify')) return
  install('systemd')
  if (!runs('systemd-analyze') || !runs('systemd-notify')) {
    stop(
      'SYSTEMD_TOOLS_MISSING: install systemd (Debian, Ubuntu: apt-get install systemd) and start again.',
    )
  }
}

/** Finds Python, which stands in for the service manager in the tests. */
export function ensurePython() {
  if (runs('python3')) return
  install('python3')
  if (!runs('python3')) {
    stop(
      'PYTHON_MISSING: install Python 3 (Debian, Ubuntu: apt-get install python3) and start again.',
    )
  }
}

/**
 * Finds runc and a static busybox to run in it, which the tests of containers use. Where they cannot
 * be had, those tests make a namespace by `unshare` and say so.
 */
export function ensureContainerTools() {
  if (!runs('runc')) install('runc')
  if (!hasBusybox()) install('busybox-static')
}

/**
 * Finds strace, which makes system calls fail. Where it cannot be had, or must not trace, the tests
 * that need it are left out: the same is then shown by other means and by fewer faults.
 */
export function ensureStrace() {
  if (!runs('strace')) install('strace')
}

const hasBusybox = () => ['/usr/bin/busybox', '/bin/busybox'].some((file) => existsSync(file))

function runs(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
}

function hasChromium() {
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].some((file) =>
    existsSync(file),
  )
}

function redisMajor() {
  const version = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  const major = /v=(\d+)\./.exec(version.stdout ?? '')?.[1]
  return version.status === 0 && major !== undefined ? Number(major) : undefined
}

/**
 * Asks the package manager, with fresh lists when the first try fails. RUNLEVEL=1 keeps a packaged
 * service from being started where the packaging honours it; the safety Redis never uses that one.
 */
function install(name) {
  const become = privilege()
  if (become === undefined || spawnSync('apt-get', ['--version']).status !== 0) return
  process.stderr.write(`Installing ${name} (once) ...\n`)
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1']
  const apt = (...args) => {
    const [program, ...rest] = [...become, ...environment, 'apt-get', '-q', ...args]
    return spawnSync(program, rest, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  }
  const installOnce = () => apt('install', '-y', '--no-install-recommends', name)
  if (!installOnce() && apt('update')) installOnce()
}

function privilege() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined
}

function stop(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
