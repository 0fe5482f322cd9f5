import { h } from './dashboard-words.js'

/** No rows and no document are different things: flat, and unknown. */
export function fillTable(id, emptyText, heads, numeric, rows, note) {
  const frame = document.getElementById(id)
  frame.classList.toggle('stale', note !== '')
  document.getElementById(`${id}-count`).textContent = rows === undefined ? '' : String(rows.length)
  const parts = note === '' ? [] : [h('p', 'stale-note', note)]
  if (rows === undefined) parts.push(h('p', 'empty bad', 'Unknown: the executor was never heard.'))
  else if (rows.length === 0) parts.push(h('p', 'empty', emptyText))
  else {
    const head = heads.map((text, at) => {
      const cell = h('th', numeric.has(at) ? 'number' : '', text)
      cell.scope = 'col'
      return cell
    })
    const body = rows.map((row) =>
      h('tr', '', ...row.map((text, at) => h('td', numeric.has(at) ? 'number' : '', text))),
    )
    const table = h('table', '', h('thead', '', h('tr', '', ...head)), h('tbody', '', ...body))
    table.setAttribute('aria-labelledby', `${id}-title`)
    parts.push(table)
  }
  frame.replaceChildren(...parts)
}
