import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Names under which distributions ship the browser, in order of preference. */
const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** The first Chromium on the PATH. @throws Error that says what to install */
export function chromiumPath(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name)
      if (existsSync(path)) return path
    }
  }
  throw new Error(`no browser on the PATH: install one of ${names.join(', ')}`)
}
