// Every place in the server's source that makes an error: its kind, its code, and its message with holes for what varies.

import { readSources, type SourceFile } from '../check/source.ts'

export type ErrorSite = {
  file: string
  line: number
  kind: string
  code: string
  message: string
  /** A status that this one answer has instead of its kind's. */
  httpStatus: number | undefined
}

/** Codes that no call in the same file spells out: the expression where the error is made, and what it can be. */
const computed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'access/index.ts `${kind}.not_found`': { 'principal.not_found': 'There is no principal with this id.', 'binding.not_found': 'There is no role binding with this id.' },
}

/** Hands on an error that was made elsewhere: from another process, or with other words for another door. */
const isPassedOn = (origin: string, code: string): boolean => /^[\w$.]+\.code$/.test(code) || origin === 'control/channel.ts code'

const LITERAL = /^(['"])((?:(?!\1)[^\\]|\\.)*)\1$/

const unescape = (text: string): string => text.replaceAll(/\\(.)/g, '$1')

/** The text of a quoted string or template, an ellipsis for each hole; undefined for anything else. */
const textOf = (expression: string): string | undefined => {
  const quoted = LITERAL.exec(expression)
  if (quoted !== null) return unescape(quoted[2] ?? '')
  if (!expression.startsWith('`') || !expression.endsWith('`')) return undefined
  let out = ''
  let depth = 0
  for (let at = 1; at < expression.length - 1; at += 1) {
    const two = expression.slice(at, at + 2)
    if (depth === 0 && two === '${') {
      depth = 1
      out += '…'
      at += 1
    } else if (depth > 0) {
      if (expression[at] === '{') depth += 1
      if (expression[at] === '}') depth -= 1
    } else out += expression[at] ?? ''
  }
  return unescape(out)
}

/** The arguments of the call whose parenthesis opens at `open`, as written. */
const argumentsAt = ({ code, text }: SourceFile, open: number): string[] => {
  const out: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open; at < code.length; at += 1) {
    const char = code[at] ?? ''
    if ('([{'.includes(char)) depth += 1
    else if (')]}'.includes(char)) depth -= 1
    if (depth === 0 || (depth === 1 && char === ',')) {
      const argument = text.slice(from, at).trim()
      if (argument !== '') out.push(argument)
      from = at + 1
    }
    if (depth === 0) return out
  }
  throw new Error('a call that does not close')
}

const constants = (files: readonly SourceFile[]): ReadonlyMap<string, string> =>
  new Map(files.flatMap(({ text }) => [...text.matchAll(/^(?:export )?const ([A-Za-z_]+) = '([a-z_]+\.[A-Za-z_]+)'$/gm)].map((match) => [match[1] ?? '', match[2] ?? ''] as const)))

/** `test ? 'a' : 'b'` → both. */
const choicesOf = (expression: string): string[] => {
  const choice = /^[^?'`]+\? *('[^']*'|`[^`]*`) *: *('[^']*'|`[^`]*`)$/s.exec(expression)
  return choice === null ? [expression] : [choice[1] ?? '', choice[2] ?? '']
}

const identifier = /^[A-Za-z_$][\w$]*$/

/** The calls in the same file of the function around `index` that has a parameter `name`: what they give for it, and for all others. */
const callsWith = (file: SourceFile, index: number, name: string): (ReadonlyMap<string, string>)[] => {
  const heads = [...file.code.slice(0, index).matchAll(/(?:\bconst ([\w$]+) = (?:async )?|\bfunction ([\w$]+))\(/g)].toReversed()
  for (const head of heads) {
    const parameters = argumentsAt(file, head.index + head[0].length - 1).map((parameter) => /^[\w$]+/.exec(parameter)?.[0] ?? '')
    if (!parameters.includes(name)) continue
    const helper = head[1] ?? head[2] ?? ''
    const calls = [...file.code.matchAll(new RegExp(`(?<![.\\w$])(?<!function )${helper.replaceAll('$', '\\$')}\\(`, 'g'))]
    return calls.map((call) => {
      const given = argumentsAt(file, call.index + call[0].length - 1)
      return new Map(parameters.map((parameter, i) => [parameter, given[i] ?? '']))
    })
  }
  return []
}

/** The parameter that an expression depends on: itself, or the one hole of a template. */
const parameterOf = (expression: string): string | undefined => {
  if (identifier.test(expression)) return expression
  return /^`[^`$]*\$\{([A-Za-z_$][\w$]*)\}[^`$]*`$/.exec(expression)?.[1]
}

/** What the call of `fail` at `index` says; when that is up to a parameter, what each call of the function around says. */
const variantsOf = (file: SourceFile, index: number, named: ReadonlyMap<string, string>): readonly (readonly [kind: string, code: string, message: string])[] => {
  const [kind = '', code = '', message = ''] = argumentsAt(file, file.code.indexOf('(', index))
  const messages = choicesOf(message)
  const direct = choicesOf(code).map((each, i) => [kind, named.has(each) ? quote(named.get(each) ?? '') : each, messages[i] ?? messages[0] ?? ''] as const)
  const parameter = [code, kind].map(parameterOf).find((each) => each !== undefined && !named.has(each))
  if (parameter === undefined) return direct
  return callsWith(file, index, parameter).flatMap((given) => {
    const fill = (expression: string): string => {
      const name = parameterOf(expression)
      const value = name === undefined ? undefined : given.get(name)
      if (name === undefined || value === undefined) return expression
      return identifier.test(expression) ? value : quote(expression.slice(1, -1).replace(`\${${name}}`, textOf(value) ?? '…'))
    }
    return choicesOf(fill(code)).map((each) => [fill(kind), named.has(each) ? quote(named.get(each) ?? '') : each, fill(message)] as const)
  })
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`

const sitesOfCall = (file: SourceFile, index: number, named: ReadonlyMap<string, string>): ErrorSite[] => {
  const line = file.code.slice(0, index).split('\n').length
  const [kind = '', code = '', , options = ''] = argumentsAt(file, file.code.indexOf('(', index))
  const origin = `${file.path.split('/').slice(-2).join('/')} ${code}`
  if (isPassedOn(origin, code)) return []
  const status = /\bhttpStatus: (\d{3})\b/.exec(options)?.[1]
  const common = { file: file.path, line, httpStatus: status === undefined ? undefined : Number(status) }
  const known = computed[origin]
  if (known !== undefined) return Object.entries(known).map(([each, text]) => ({ ...common, kind: textOf(kind) ?? '', code: each, message: text }))
  const variants = variantsOf(file, index, named)
  const sites = variants.map(([kindOf, codeOf, messageOf]) => ({ ...common, kind: textOf(kindOf), code: textOf(codeOf), message: textOf(messageOf) ?? '' }))
  return (sites.length === 0 ? [{ ...common, kind: undefined, code: undefined, message: '' }] : sites).map((site) => {
    if (site.code === undefined || site.kind === undefined || site.code.includes('…')) throw new Error(`${file.path}:${line}: the code of this error cannot be read (${origin}); tools/generate/error-sites.ts lists such ones`)
    return { ...site, kind: site.kind, code: site.code }
  })
}

export const findErrorSites = (root: string): ErrorSite[] => {
  const files = readSources(root, ['packages']).filter(({ path }) => path.startsWith('packages/server/src/') && !/\.test\.ts$|\/testing\//.test(path) && !path.endsWith('/kernel/errors.ts'))
  const named = constants(files)
  return files.flatMap((file) => [...file.code.matchAll(/(?<![.\w$#])fail\s*\(/g)].flatMap(({ index }) => sitesOfCall(file, index, named)))
}
