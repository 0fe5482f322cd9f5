import { describe, expect, test } from 'vitest'
import { maintenanceWindow } from '@bulkhead/trading-plane/venues/deribit/maintenance.ts'

const publishedMs = Date.UTC(2026, 10, 1)
const hourMs = 3_600_000
const windowOf = (title: string, body = '') => maintenanceWindow({ title, body, publishedMs })
const at = Date.UTC(2026, 10, 20, 9, 30)

describe('an announcement of maintenance', () => {
  test.each([
    'on 2026-11-20 09:30 UTC',
    'on 2026-11-20T09:30:00Z',
    'on Friday, 20 November 2026 at 09:30 UTC',
    'on the 20th of November 2026, starting at 9:30 UTC',
    'on November 20, 2026 at 09:30 UTC',
    'on Nov. 20th 2026 (09:30 UTC)',
    'on <b>20 November 2026</b>&nbsp;at <b>09:30</b> UTC',
  ])('begins when its text says: %s', (when) => {
    const window = windowOf('Scheduled maintenance', `We will upgrade ${when}.`)
    expect(window).toEqual({ startMs: at, endMs: at + 2 * hourMs })
  })

  test('lasts as long as its text says', () => {
    const lasting = (words: string) => {
      const window = windowOf('Platform downtime', `2026-11-20 09:30 UTC, ${words}`)
      return (window?.endMs ?? 0) - at
    }
    expect(lasting('expected to take 15 minutes')).toBe(hourMs / 4)
    expect(lasting('about 3 hours')).toBe(3 * hourMs)
    expect(lasting('0 minutes')).toBe(60_000)
  })

  test.each(['soon', 'on 31 February 2026 at 09:30', 'on 2026-13-20 09:30', 'at 2026-11-20 25:10'])(
    'whose time cannot be read counts for a day from its publication: %s',
    (when) => {
      const window = windowOf('Maintenance', when)
      expect(window).toEqual({ startMs: publishedMs, endMs: publishedMs + 24 * hourMs })
    },
  )

  test('is told from one about something else', () => {
    expect(windowOf('New instruments', 'Listed on 2026-11-20 09:30 UTC')).toBeUndefined()
    expect(windowOf('', '')).toBeUndefined()
  })
})
