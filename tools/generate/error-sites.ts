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

/** Codes that are put together or handed in: the expression at the call of `fail`, and what it can be. */
const computed: Readonly<Record<string, { kind: string; codes: Readonly<Record<string, string>> }>> = {
  "access/index.ts `${kind}.not_found`": { kind: 'not_found', codes: { 'principal.not_found': 'There is no principal with this id.', 'binding.not_found': 'There is no role binding with this id.' } },
  "acl/parse.ts `policy.acl_${what}`": {
    kind: 'invalid_request',
    codes: {
      'policy.acl_syntax': 'failed to parse policy: it is neither HCL nor JSON of the form expected, and says where.', 'policy.acl_key': 'failed to parse policy: a key at the top that is not "path".', 'policy.acl_path': 'failed to parse policy: a path without a pattern or a block, or a pattern that is not one.',
      'policy.acl_field': 'failed to parse policy: a field of a path that is unknown or has a wrong value.', 'policy.acl_size': 'failed to parse policy: too many paths.',
    },
  },
  'secrets/reveal.ts code': {
    kind: 'not_found',
    codes: {
      'secret.version_destroyed': 'Version … of … is destroyed.', 'secret.version_disabled': 'Version … of … is disabled.', 'secret.version_deleted': 'Version … of … is deleted.', 'secret.version_expired': 'Version … of … has expired.',
    },
  },
}

// Hands on, in one process, an error that another has made.
const passedOn = new Set(['control/channel.ts code'])

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

const sitesOfCall = (file: SourceFile, index: number, named: ReadonlyMap<string, string>): ErrorSite[] => {
  const line = file.code.slice(0, index).split('\n').length
  const [kind = '', code = '', message = '', options = ''] = argumentsAt(file, file.code.indexOf('(', index))
  const origin = `${file.path.split('/').slice(-2).join('/')} ${code}`
  if (passedOn.has(origin)) return []
  const status = /\bhttpStatus: (\d{3})\b/.exec(options)?.[1]
  const common = { file: file.path, line, httpStatus: status === undefined ? undefined : Number(status) }
  const known = computed[origin]
  if (known !== undefined) return Object.entries(known.codes).map(([each, text]) => ({ ...common, kind: known.kind, code: each, message: text }))
  const messages = choicesOf(message)
  return choicesOf(code).map((each, i) => {
    const found = textOf(each) ?? named.get(each)
    const kindText = textOf(kind)
    if (found === undefined || kindText === undefined || found.includes('…')) throw new Error(`${file.path}:${line}: the code of this error cannot be read (${origin}); tools/generate/error-sites.ts lists the computed ones`)
    return { ...common, kind: kindText, code: found, message: textOf(messages[i] ?? messages[0] ?? '') ?? '' }
  })
}

export const findErrorSites = (root: string): ErrorSite[] => {
  const files = readSources(root, ['packages']).filter(({ path }) => path.startsWith('packages/server/src/') && !/\.test\.ts$|\/testing\//.test(path) && !path.endsWith('/kernel/errors.ts'))
  const named = constants(files)
  return files.flatMap((file) => [...file.code.matchAll(/(?<![.\w$#])fail\s*\(/g)].flatMap(({ index }) => sitesOfCall(file, index, named)))
}
