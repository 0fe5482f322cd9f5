/** An announcement as Deribit publishes it: free text, HTML in the body. */
export type Announcement = {
  readonly title: string
  readonly body: string
  readonly publishedMs: number
}

const aboutMaintenance = /\b(maintenance|downtime)\b/i
const isoTime = /(\d{4})-(\d{2})-(\d{2})[T ,]*(?:at )?(\d{1,2}):(\d{2})/
const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const month = '(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?'
const dayFirst = new RegExp(
  `(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${month},? (\\d{4})\\D{0,24}(\\d{1,2}):(\\d{2})`,
  'i',
)
const monthFirst = new RegExp(
  `${month} (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})\\D{0,24}(\\d{1,2}):(\\d{2})`,
  'i',
)
const duration = /(\d{1,3})\s*(minute|min|hour)/i

const minuteMs = 60_000
/** Of a window whose end is not told. */
const usualMs = 120 * minuteMs
/** Of a notice whose time cannot be read: it counts from its publication on. */
const unreadableMs = 24 * 60 * minuteMs

/**
 * The window that an announcement tells of; undefined when it is about something else. Deribit
 * gives no field for it, so that the text is read, in UTC, in the forms of its past notices; a
 * maintenance notice whose time cannot be read begins at once and lasts a day.
 */
export function maintenanceWindow(
  announcement: Announcement,
): { readonly startMs: number; readonly endMs: number } | undefined {
  const { title, body, publishedMs } = announcement
  const text = `${title} ${body}`.replaceAll(/<[^>]*>|&nbsp;/g, ' ').replaceAll(/\s+/g, ' ')
  if (!aboutMaintenance.test(text)) return undefined
  const startMs = startOf(text)
  if (startMs === undefined) return { startMs: publishedMs, endMs: publishedMs + unreadableMs }
  return { startMs, endMs: startMs + lengthOf(text) }
}

function startOf(text: string): number | undefined {
  const iso = isoTime.exec(text)
  if (iso !== null) return utcMs(iso[1], Number(iso[2]), iso[3], iso[4], iso[5])
  const first = dayFirst.exec(text)
  if (first !== null) return utcMs(first[3], monthOf(first[2]), first[1], first[4], first[5])
  const other = monthFirst.exec(text)
  if (other !== null) return utcMs(other[3], monthOf(other[1]), other[2], other[4], other[5])
  return undefined
}

function lengthOf(text: string): number {
  const told = duration.exec(text)
  if (told === null) return usualMs
  const minutes = Number(told[1]) * ((told[2] ?? '').toLowerCase() === 'hour' ? 60 : 1)
  return Math.max(1, minutes) * minuteMs
}

function monthOf(word: string | undefined): number {
  return months.indexOf((word ?? '').slice(0, 3).toLowerCase()) + 1
}

/** Undefined for a day or an hour that does not exist. */
function utcMs(
  year: string | undefined,
  monthNumber: number,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
): number | undefined {
  const fields = [Number(year), monthNumber, Number(day), Number(hour), Number(minute)] as const
  const at = new Date(Date.UTC(fields[0], fields[1] - 1, fields[2], fields[3], fields[4]))
  const isReal =
    at.getUTCMonth() === fields[1] - 1 &&
    at.getUTCDate() === fields[2] &&
    at.getUTCHours() === fields[3] &&
    at.getUTCMinutes() === fields[4]
  return isReal ? at.getTime() : undefined
}
