/** Where a command writes. Colours are for terminals only; JSON is for programs. */
export type Output = {
  readonly isJson: boolean
  readonly paint: Paint
  readonly line: (text?: string) => void
  readonly json: (value: unknown) => void
  readonly error: (text: string) => void
}

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'reversed'
export type Paint = (colour: Colour, text: string) => string

const codes: Readonly<Record<Colour, number>> = {
  bold: 1,
  dim: 2,
  reversed: 7,
  red: 31,
  green: 32,
  yellow: 33,
}

/** @param isColoured whether a person looks at it on a terminal */
export function createOutput(isJson: boolean, isColoured: boolean): Output {
  return {
    isJson,
    paint: (colour, text) => (isColoured ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text),
    line: (text = '') => {
      process.stdout.write(`${text}\n`)
    },
    json: (value) => {
      process.stdout.write(`${JSON.stringify(value)}\n`)
    },
    error: (text) => {
      process.stderr.write(`${text}\n`)
    },
  }
}

/** Whether standard output is a terminal that wants colours (no-color.org). */
export function isTerminalColoured(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
}
