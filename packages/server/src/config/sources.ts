// Reads raw settings from the three places they may come from and remembers which one it was. Precedence is
// flags > environment > file > defaults. What is unknown, or given twice, is an error that names the key and the place;
// values are never quoted.

import { readFileSync } from 'node:fs'
import { LineCounter, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml'
import { schema } from './schema.ts'
import { boolean, isSetting, settingsOf, type SettingTree } from './setting.ts'

export interface Given {
  readonly key: string
  readonly raw: unknown
  /** "file /etc/coffer.yaml, line 3", "environment variable COFFER_LISTEN", "flag --listen". */
  readonly from: string
}

export interface Reading {
  readonly given: readonly Given[]
  readonly problems: readonly string[]
}

export const environmentName = (key: string): string => `COFFER_${key.replaceAll('.', '_').toUpperCase()}`

/** `seal.kind` is `--seal`, because that is what one chooses; everything else is spelled like its key. */
export const flagName = (key: string): string => (key === 'seal.kind' ? '--seal' : `--${key.replaceAll(/[._]/g, '-')}`)

const keys = settingsOf(schema).map(([key]) => key)

// ---- environment

/** Variables that the command line client and the build read; a server started from such a shell must not stumble over them. */
const clientVariables = /^COFFER_(TOKEN|ADDR|ADDRESS|NAMESPACE|ORGANIZATION|PROJECT|ENVIRONMENT|CONTEXT|OUTPUT|HOME|CACERT|CLIENT_.*|TEST_.*|BENCH_.*)$/
/** Kubernetes gives every pod variables for a service that is named `coffer`. */
const kubernetesVariables = /^COFFER_(SERVICE_(HOST|PORT.*)|PORT(_[0-9]+_(TCP|UDP).*)?)$/

export const readEnvironment = (environment: Readonly<Record<string, string | undefined>>): Reading => {
  const byName = new Map(keys.map((key) => [environmentName(key), key]))
  const given: Given[] = []
  const problems: string[] = []
  for (const [name, raw] of Object.entries(environment)) {
    if (!name.startsWith('COFFER_') || raw === undefined || name === 'COFFER_CONFIG') continue
    const key = byName.get(name)
    const from = `environment variable ${name}`
    if (key !== undefined) given.push({ key, raw, from })
    else if (!clientVariables.test(name) && !kubernetesVariables.test(name)) problems.push(`there is no such setting (${from})${suggestion(name, [...byName.keys()])}`)
  }
  return { given, problems }
}

// ---- flags

export interface CommandFlags extends Reading {
  readonly configFile: string | undefined
  readonly dev: boolean
  readonly help: boolean
}

// What is off unless it is asked for is asked for by its flag alone.
const switches = settingsOf(schema).flatMap(([key, { shape, fallback }]) => (shape === boolean && fallback === false ? [flagName(key)] : []))
const bare = new Set(['--dev', '--help', '-h', ...switches])
const isTruth = (word: string | undefined): boolean => word === 'true' || word === 'false'

/** Flags are `--name value` or `--name=value`; `--dev`, `--help` and switches such as `--insecure` need no value. */
export const readFlags = (argv: readonly string[]): CommandFlags => {
  const byFlag = new Map(keys.map((key) => [flagName(key), key]))
  const seen = new Map<string, string>()
  const given: Given[] = []
  const problems: string[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    const flag = equals === -1 ? word : word.slice(0, equals)
    const key = byFlag.get(flag)
    if (key === undefined && !bare.has(flag) && flag !== '--config') {
      problems.push(flag.startsWith('-') ? `there is no such flag: ${flag}${suggestion(flag, [...byFlag.keys(), ...bare, '--config'])}` : 'an argument that is no flag was given')
      continue
    }
    const value = equals !== -1 ? word.slice(equals + 1) : bare.has(flag) && !isTruth(argv[index + 1]) ? 'true' : argv[(index += 1)]
    if (value === undefined) problems.push(`flag ${flag} needs a value`)
    else if (seen.has(flag)) problems.push(`flag ${flag} is given twice`)
    else if (key !== undefined) given.push({ key, raw: value, from: `flag ${flag}` })
    seen.set(flag, value ?? '')
  }
  return { given, problems, configFile: seen.get('--config'), dev: seen.get('--dev') === 'true', help: seen.has('--help') || seen.has('-h') }
}

// ---- file

/** YAML 1.2, of which JSON is a part. Parser messages quote the text, so only their place is passed on. */
export const readFile = (path: string): Reading => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return { given: [], problems: [`file ${path} cannot be read (${codeOf(error)})`] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (document.errors.length > 0) {
    return { given: [], problems: document.errors.map((error) => `file ${path}, line ${lines.linePos(error.pos[0]).line}: not valid YAML or JSON (${error.code})`) }
  }
  if (document.contents === null) return { given: [], problems: [] }
  if (!isMap(document.contents)) return { given: [], problems: [`file ${path}: must hold settings by name`] }
  const collected: { given: Given[]; problems: string[] } = { given: [], problems: [] }
  collect(document.contents, schema, { prefix: '', placeOf: (offset) => `file ${path}, line ${lines.linePos(offset).line}`, ...collected })
  return collected
}

interface Walk {
  readonly prefix: string
  readonly given: Given[]
  readonly problems: string[]
  placeOf(offset: number): string
}

const collect = (map: YAMLMap, tree: SettingTree, walk: Walk): void => {
  for (const { key: nameNode, value } of map.items) {
    const name = isScalar(nameNode) ? String(nameNode.value) : ''
    const key = `${walk.prefix}${name}`
    const from = walk.placeOf(isScalar(nameNode) ? (nameNode.range?.[0] ?? 0) : 0)
    const node = Object.hasOwn(tree, name) ? tree[name] : undefined
    if (node === undefined) walk.problems.push(`${quoteKey(key)}: there is no such setting (${from})${suggestion(key, keys)}`)
    else if (isSetting(node)) walk.given.push({ key, raw: isScalar(value) ? value.value : Symbol('not a scalar'), from })
    else if (isMap(value)) collect(value, node, { ...walk, prefix: `${key}.` })
    else if (value !== null && !(isScalar(value) && value.value === null)) walk.problems.push(`${key}: must hold settings by name (${from})`)
  }
}

const quoteKey = (key: string): string => (/^[a-z0-9_.-]{1,80}$/i.test(key) ? key : 'a key that is no plain name')

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unreadable')

// ---- suggestions

const suggestion = (wrong: string, known: readonly string[]): string => {
  const near = known.map((name) => ({ name, distance: editDistance(wrong, name) })).sort((a, b) => a.distance - b.distance)[0]
  return near !== undefined && near.distance <= 3 ? `; did you mean ${near.name}?` : ''
}

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? a.length
}
