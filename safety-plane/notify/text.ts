import type { Alert, AlertMessage } from './ports.ts'

/** One line that says it all: for chats, and the subject of a mail. */
export function headline({ alert }: AlertMessage): string {
  if (!('level' in alert)) {
    const details = alert.details.length === 0 ? '' : ` - ${alert.details.join('; ')}`
    return oneLine(`${alert.title} (${alert.component})${details}`)
  }
  const { title, trigger, component, unconfirmed } = alert
  const open = unconfirmed.length === 0 ? '' : ` - NOT PROVEN: ${unconfirmed.join(', ')}`
  return oneLine(`${title} (${trigger}, ${component})${open}`)
}

/** The body of a mail. */
export function mailText(message: AlertMessage): string {
  const { alert, raisedAt, id } = message
  return [
    headline(message),
    '',
    ...factsOf(alert),
    `component    ${oneLine(alert.component)}`,
    `episode      ${alert.episode === '' ? 'none' : alert.episode}`,
    `raised       ${raisedAt}`,
    `message      ${id}`,
    '',
    'See how things are with: npx bulkhead status',
    '',
  ].join('\n')
}

function factsOf(alert: Alert): string[] {
  if (!('level' in alert)) {
    return [
      `event        ${alert.event}`,
      ...alert.details.map((one) => `because      ${oneLine(one)}`),
    ]
  }
  const { level, trigger, unconfirmed } = alert
  const open = unconfirmed.length === 0 ? 'nothing' : unconfirmed.join(', ')
  return [`level        ${level}`, `trigger      ${trigger}`, `not proven   ${open}`]
}

/** Names of components and operators come from outside: no line of their own, no header. */
const oneLine = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
