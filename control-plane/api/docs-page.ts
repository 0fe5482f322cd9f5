type Operation = { summary?: string; description?: string }
type OpenApi = { info: { title: string; description?: string; version: string }; paths?: object }

/** A plain page over the OpenAPI document: every address with what it is for. */
export function renderDocsPage(document: unknown): string {
  const { info, paths = {} } = document as OpenApi
  const rows = Object.entries(paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, operations]) =>
      Object.entries(operations).map(([method, { summary = '', description = '' }]) =>
        [
          `<tr><td>${text(method.toUpperCase())}</td><td><code>${text(path)}</code></td>`,
          `<td>${text(summary)}${description === '' ? '' : `. ${text(description)}`}</td></tr>`,
        ].join(''),
      ),
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(info.title)}</title><link rel="stylesheet" href="/dashboard.css"></head>`,
    `<body class="plain"><main><h1>${text(info.title)}</h1>`,
    `<p>${text(info.description ?? '')} Build <code>${text(info.version)}</code>.</p>`,
    '<table><thead><tr><th>Method</th><th>Address</th><th>Purpose</th></tr></thead>',
    `<tbody>${rows.join('')}</tbody></table>`,
    '<p><a href="/docs/openapi.json">OpenAPI document</a> · <a href="/">Dashboard</a></p>',
    '</main></body></html>',
  ].join('\n')
}

function text(raw: string): string {
  return raw
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
