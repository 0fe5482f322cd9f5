import type { AlertMessage } from './ports.ts'

/** One line that says it all: for chats, and the subject of a mail. */
export function headline({ alert }: AlertMessage): string {
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
    `level        ${alert.level}`,
    `trigger      ${alert.trigger}`,
    `component    ${oneLine(alert.component)}`,
    `not proven   ${alert.unconfirmed.length === 0 ? 'nothing' : alert.unconfirmed.join(', ')}`,
    `episode      ${alert.episode}`,
    `raised       ${raisedAt}`,
    `message      ${id}`,
    '',
    'See the episode with: npx bulkhead status',
    '',
  ].join('\n')
}

/** Names of components and operators come from outside: no line of their own, no header. */
const oneLine = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
