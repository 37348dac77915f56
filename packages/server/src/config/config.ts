// The server's configuration: read, merged, checked as a whole and typed. A configuration that is not valid in every
// part starts nothing; the error lists all that is wrong, with the key, the form expected and where the value came from.

import { join } from 'node:path'
import { fail } from '../kernel/errors.ts'
import { temporaryDirectory } from './environment.ts'
import { schema, secretKeys, type Settings } from './schema.ts'
import { assemble, formatAddress, isLoopback, settingsOf, type Address } from './setting.ts'
import { readEnvironment, readFile, readFlags, type Given } from './sources.ts'
import { checkTlsFiles } from './tls-files.ts'

/** `start` and `dev` are the same server with other defaults. */
export type Mode = 'server' | 'start' | 'dev'

/** What the rest of the server gets: every default filled in. */
export interface Config extends Omit<Settings, 'grpc' | 'dataDir' | 'audit'> {
  readonly mode: Mode
  readonly dataDir: string
  readonly grpc: { readonly enabled: boolean; readonly listen: Address }
  readonly audit: Omit<Settings['audit'], 'directory' | 'deviceDirectories'> & { readonly directory: string; readonly deviceDirectories: readonly string[] }
}

export interface ConfigInput {
  readonly command: 'server' | 'start'
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where `--dev` puts its data; made only when the rest is valid. */
  readonly makeDevDirectory?: () => string
}

/** Defaults that a command sets in place of the schema's. */
const commandDefaults: Readonly<Record<Mode, Readonly<Record<string, string>>>> = Object.freeze({
  server: {},
  start: { data_dir: 'data', 'seal.kind': 'keyfile' },
  dev: { 'seal.kind': 'keyfile', 'audit.allow_ephemeral': 'true' },
})

/** Reads flags, environment and file; throws `config.invalid` with every problem in its message. */
export const loadConfig = (input: ConfigInput): Config => {
  const flags = readFlags(input.argv)
  const environment = readEnvironment(input.environment)
  const configFile = flags.configFile ?? input.environment['COFFER_CONFIG']
  const file = configFile === undefined ? { given: [], problems: [] } : readFile(configFile)
  const mode: Mode = flags.dev ? 'dev' : input.command
  const problems = [...file.problems, ...environment.problems, ...flags.problems]
  if (flags.dev && input.command === 'start') problems.push('flag --dev belongs to `server`')

  const given = new Map<string, Given>([...file.given, ...environment.given, ...flags.given].map((one) => [one.key, one]))
  const settings = assemble(schema, valuesOf({ given, defaults: commandDefaults[mode], problems }))
  problems.push(...crossCheck(settings, mode, (key) => given.get(key)?.from ?? 'default'))
  if (problems.length > 0) throw fail('invalid_request', 'config.invalid', `The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
  return complete(settings, mode, input.makeDevDirectory)
}

interface Merge {
  readonly given: ReadonlyMap<string, Given>
  readonly defaults: Readonly<Record<string, string>>
  readonly problems: string[]
}

/** Parses each setting once; what does not parse is a problem and takes its default, so that all problems are found in one go. */
const valuesOf = ({ given, defaults, problems }: Merge): ((key: string) => unknown) => {
  const values = new Map<string, unknown>()
  for (const [key, { shape, fallback }] of settingsOf(schema)) {
    const one = given.get(key)
    const parsed = one === undefined ? undefined : shape.parse(one.raw)
    if (one !== undefined && parsed === undefined) problems.push(`${key}: must be ${shape.form} (${one.from})`)
    values.set(key, parsed ?? shape.parse(defaults[key] ?? fallback))
  }
  return (key) => values.get(key)
}

type Origin = (key: string) => string

const crossCheck = (settings: Settings, mode: Mode, from: Origin): readonly string[] => [
  ...checkTls(settings, from),
  ...checkListeners(settings, from),
  ...checkDirectories(settings, mode, from),
  ...checkSizes(settings, from),
]

const checkTls = ({ tls }: Settings, from: Origin): readonly string[] => {
  if (tls.cert !== undefined && tls.key === undefined) return [`tls.key: must be given together with tls.cert (${from('tls.cert')})`]
  if (tls.key !== undefined && tls.cert === undefined) return [`tls.cert: must be given together with tls.key (${from('tls.key')})`]
  if (tls.clientCa !== undefined && tls.cert === undefined) return [`tls.client_ca: needs tls.cert and tls.key (${from('tls.client_ca')})`]
  return checkTlsFiles(tls, from)
}

const checkListeners = (settings: Settings, from: Origin): readonly string[] => {
  const problems: string[] = []
  const grpc = grpcAddress(settings)
  const isPlain = settings.tls.cert === undefined && !settings.insecure
  const refuse = (key: string, place: string): number =>
    problems.push(`${key}: must be a loopback address, or have TLS (tls.cert and tls.key), or be allowed by --insecure (${place})`)
  if (isPlain && !isLoopback(settings.listen.host)) refuse('listen', from('listen'))
  else if (isPlain && settings.grpc.enabled && !isLoopback(grpc.host)) refuse('grpc.listen', from('grpc.listen'))
  if (!settings.grpc.enabled) return problems
  if (grpc.port > 65_535) problems.push(`grpc.listen: must be given, because the port of \`listen\` + 2 is no port (${from('listen')})`)
  if (settings.grpc.listen !== undefined && grpc.port !== 0 && formatAddress(grpc) === formatAddress(settings.listen)) {
    problems.push(`grpc.listen: must be another address than \`listen\` (${from('grpc.listen')})`)
  }
  return problems
}

const checkDirectories = (settings: Settings, mode: Mode, from: Origin): readonly string[] => {
  const problems: string[] = []
  const { dataDir, seal, dev } = settings
  if (mode === 'server' && dataDir === undefined) problems.push('data_dir: must be given, as flag --data-dir, environment variable COFFER_DATA_DIR or in the file')
  if (mode === 'dev' && dataDir !== undefined) problems.push(`data_dir: must not be given with --dev, which keeps nothing (${from('data_dir')})`)
  if (mode === 'dev' && settings.workers !== 1) problems.push(`workers: must be 1 with --dev (${from('workers')})`)
  if (mode !== 'server' && seal.kind !== 'keyfile') problems.push(`seal.kind: must be keyfile for a server that opens by itself; use \`server\` with shares (${from('seal.kind')})`)
  if (mode !== 'dev' && dev.rootTokenId !== undefined) problems.push(`dev.root_token_id: is only for \`server --dev\` (${from('dev.root_token_id')})`)
  if (dataDir !== undefined && seal.keyFile !== undefined && `${seal.keyFile}/`.startsWith(`${dataDir}/`)) {
    problems.push(`seal.key_file: must not be inside the data directory, or a copy of that directory would open itself (${from('seal.key_file')})`)
  }
  return problems
}

const checkSizes = ({ audit, limits }: Settings, from: Origin): readonly string[] => {
  const problems: string[] = []
  if (audit.maxSpoolBytes < 2 * audit.segmentBytes) problems.push(`audit.max_spool_bytes: must be at least twice audit.segment_bytes (${from('audit.max_spool_bytes')})`)
  if (limits.valueBytes > limits.bodyBytes) problems.push(`limits.value_bytes: must not be more than limits.body_bytes (${from('limits.value_bytes')})`)
  return problems
}

const grpcAddress = ({ listen, grpc }: Settings): Address => grpc.listen ?? { host: listen.host, port: listen.port === 0 ? 0 : listen.port + 2 }

const complete = (settings: Settings, mode: Mode, makeDevDirectory: ConfigInput['makeDevDirectory']): Config => {
  const dataDir = mode === 'dev' ? makeDevDirectory?.() : settings.dataDir
  if (dataDir === undefined) throw fail('internal', 'config.no_data_dir', 'A data directory is needed.')
  return {
    ...settings,
    mode,
    dataDir,
    grpc: { enabled: settings.grpc.enabled, listen: grpcAddress(settings) },
    audit: { ...settings.audit, directory: settings.audit.directory ?? join(dataDir, 'audit'), deviceDirectories: settings.audit.deviceDirectories ?? ['/var/log', '/vault', temporaryDirectory()] },
  }
}

/** The settings that differ from their defaults, for the log at start; secret ones as a mask. */
export const describeConfig = (config: Config): Readonly<Record<string, unknown>> => {
  const flat = new Map<string, unknown>()
  const walk = (value: unknown, key: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && !('port' in value)) {
      for (const [name, child] of Object.entries(value)) walk(child, key === '' ? snake(name) : `${key}.${snake(name)}`)
    } else flat.set(key, value)
  }
  walk(config, '')
  return Object.fromEntries(
    settingsOf(schema).flatMap(([key, { shape, fallback }]) => {
      const value = flat.get(key)
      const standard = shape.parse(fallback)
      if (value === undefined || JSON.stringify(value) === JSON.stringify(standard)) return []
      return [[key, secretKeys.has(key) ? '[REDACTED_SECRET]' : isAddress(value) ? formatAddress(value) : value]]
    }),
  )
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const isAddress = (value: unknown): value is Address => typeof value === 'object' && value !== null && 'host' in value && 'port' in value
