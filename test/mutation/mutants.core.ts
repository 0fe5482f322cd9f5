/** One small change of a source file that a test should notice. */
export type Mutant = {
  readonly id: number
  readonly file: string
  readonly line: number
  /** What stood there, shortened, and what stands there now. */
  readonly from: string
  readonly to: string
  readonly start: number
  readonly end: number
}

/** A node of the syntax tree as the parser gives it; only what is looked at has a name here. */
export type Node = {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

const operators: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '&&': ['||'],
  '||': ['&&'],
}

const methods: Readonly<Record<string, string>> = {
  some: 'every',
  every: 'some',
  min: 'max',
  max: 'min',
  ceil: 'floor',
  floor: 'ceil',
}

/**
 * Every mutant of one file. The file is changed at one place at a time: operators, conditions,
 * constants, negations and whole statements.
 */
export function mutantsOf(file: string, source: string, program: Node, firstId: number): Mutant[] {
  const found: Mutant[] = []
  const add = (node: { start: number; end: number }, to: string) => {
    const from = source.slice(node.start, node.end)
    const line = source.slice(0, node.start).split('\n').length
    found.push({
      id: firstId + found.length,
      file,
      line,
      from,
      to,
      start: node.start,
      end: node.end,
    })
  }
  walk(program, (node) => mutate(node, source, add))
  return found
}

/** The source with one mutant in it. */
export function withMutant(source: string, { start, end, to }: Mutant): string {
  return source.slice(0, start) + to + source.slice(end)
}

function mutate(
  node: Node,
  source: string,
  add: (node: { start: number; end: number }, to: string) => void,
): void {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
      for (const to of operators[String(node['operator'])] ?? []) add(operatorOf(node, source), to)
      return
    case 'UnaryExpression':
      if (node['operator'] === '!') add({ start: node.start, end: node.start + 1 }, '')
      return
    case 'IfStatement':
    case 'ConditionalExpression': {
      const test = node['test'] as Node
      add(test, '(true)')
      add(test, '(false)')
      return
    }
    case 'Literal':
      if (typeof node['value'] === 'boolean') add(node, String(!node['value']))
      if (typeof node['value'] === 'number') add(node, String(node['value'] + 1))
      return
    case 'MemberExpression':
      mutateMember(node, add)
      return
    case 'ExpressionStatement':
      if ((node['expression'] as Node).type !== 'Literal') add(node, ';')
  }
}

function mutateMember(
  node: Node,
  add: (node: { start: number; end: number }, to: string) => void,
): void {
  const property = node['property'] as Node
  const name = String(property['name'])
  const other = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (node['computed'] !== true && other !== undefined) add(property, other)
  if (name === 'POSITIVE_INFINITY') add(property, 'NEGATIVE_INFINITY')
}

/** The operator between two operands, wherever white space and comments put it. */
function operatorOf(node: Node, source: string): { start: number; end: number } {
  const operator = String(node['operator'])
  const left = node['left'] as Node
  const start = source.indexOf(operator, left.end)
  return { start, end: start + operator.length }
}

/** Types, imports and names of things are nothing that a test could notice. */
const skipped = /^(?:TS|Import|ExportAll)/

function walk(node: Node, visit: (node: Node) => void): void {
  if (skipped.test(node.type) && node.type !== 'TSAsExpression') return
  visit(node)
  for (const [name, member] of Object.entries(node)) {
    if (name === 'typeAnnotation' || name === 'returnType' || name === 'typeArguments') continue
    for (const child of Array.isArray(member) ? (member as unknown[]) : [member]) {
      if (isNode(child)) walk(child, visit)
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}
