// The whole server but for its doors, over a throw-away database: real keyring, real caches under a real lease, a real spool.
// Tests call operations in process and get what the wire would carry, checked against the contract.
//
//   const { root, as, anonymous } = await testPlatform({ after })
//   const written = await root(secrets.put, { key: 'app/token', environment: 'dev', value: 'x' })

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../config/config.ts'
import { makeKeyBytes } from '../../crypto/keys.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { Secret } from '../../crypto/secret.ts'
import type { Engine } from '../../kernel/engine.ts'
import { fail } from '../../kernel/errors.ts'
import type { Fields, Infer, Leniency } from '../../kernel/fields.ts'
import { locationOf, type RawInput } from '../../kernel/input.ts'
import type { Operation } from '../../kernel/operation.ts'
import { encodeOutput } from '../../kernel/output.ts'
import type { SealControl } from '../../kernel/ports/seal-control.ts'
import { DEFAULT_PROJECT, type Mount } from '../../kernel/tenancy.ts'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { Keyring } from '../../keyring/keyring.ts'
import { importRootKey } from '../../keyring/root-key.ts'
import { tokens } from './contracts.ts'
import type { Runner } from '../../request/pipeline.ts'
import type { WorkerContext } from '../../supervisor/run-worker.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { initialisePlatform } from '../initialise.ts'
import { Deliveries } from '../deliveries.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { openPools, type Pools } from '../pools.ts'
import { noCeremonies } from './no-supervisor.ts'

/** What JSON makes of a reply: secrets are text. */
export type Wire<T> = T extends Secret<infer S> ? S : T extends readonly (infer Item)[] ? readonly Wire<Item>[] : T extends object ? { readonly [K in keyof T]: Wire<T[K]> } : T

type Contract<O extends Fields> = Omit<Operation, 'input' | 'output'> & { readonly input: Fields; readonly output: O }

export interface RequestOptions {
  readonly idempotencyKey?: string
  readonly project?: string
  readonly namespace?: string
  readonly sourceIp?: string
  /** Path of the mount that an engine's operation is reached through; for kv the default project's. */
  readonly mount?: string
}

/** Calls one operation as somebody. Rejects with the CofferError that a door would render. */
export type Client = <const O extends Fields>(operation: Contract<O>, input?: Readonly<Record<string, unknown>>, options?: RequestOptions) => Promise<Wire<Infer<O>>>

export interface TokenRequest {
  readonly name?: string
  readonly kind?: 'service_account' | 'user'
  readonly role?: string
  readonly project?: string
  readonly environment?: string
  readonly policies?: readonly string[]
  readonly [more: string]: unknown
}

export interface Holder {
  readonly token: string
  readonly accessor: string
  readonly call: Client
}

export interface TestPlatform {
  readonly database: TestDatabase
  readonly pools: Pools
  readonly platform: Platform
  readonly rootOrgId: string
  readonly rootToken: string
  readonly root: Client
  /** With a token's text; undefined: with none. */
  readonly withToken: (token: string | undefined) => Client
  /** A fresh token that root makes: a role, policies, a lock. */
  readonly as: (request: TokenRequest) => Promise<Holder>
  /** A second worker over the same database and key. */
  readonly anotherWorker: (options?: PlatformOptions) => Promise<TestWorker>
  /** The audit records of writes (they commit with the write), oldest first. */
  readonly written: () => Promise<readonly Readonly<Record<string, unknown>>[]>
  /** For rows that no operation makes yet, written with their MAC. */
  readonly keyring: Keyring
  /** What the server logged. */
  readonly log: readonly string[]
}

export interface TestWorker {
  readonly platform: Platform
  readonly pools: Pools
  readonly withToken: (token: string | undefined) => Client
}

export interface PlatformOptions {
  /** As in the environment: `COFFER_DATABASE_POOL_SIZE: '2'`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Instead of the catalogue's. */
  readonly engines?: readonly Engine[]
}

/** One for a file (`{ after }` of node:test) or a test (`t`). */
export const testPlatform = async (scope: TestScope, options: PlatformOptions = {}): Promise<TestPlatform> => {
  const database = await testDatabase(scope)
  const rootKey = makeKeyBytes()
  const rootOrgId = makeUuidV7()
  const rootToken = await initialise(database, rootOrgId, rootKey)
  const log: string[] = []
  const start = (over: PlatformOptions): Promise<TestWorker> => startWorker(scope, { database, rootKey, rootOrgId, log, settings: over.settings ?? {}, engines: over.engines ?? options.engines })
  const worker = await start(options)
  const root = worker.withToken(rootToken)
  const keyring = await Keyring.open({ database: database.app, rootKey: Buffer.from(rootKey), generation: 1 })
  let numbered = 0
  return {
    ...worker,
    database,
    rootOrgId,
    rootToken,
    root,
    keyring,
    log,
    anotherWorker: (over = {}) => start(over),
    async as(request) {
      numbered += 1
      const made = await root(tokens.createToken, { name: `holder-${numbered}`, ...request })
      return { token: made.token, accessor: made.accessor, call: worker.withToken(made.token) }
    },
    async written() {
      const { rows } = await database.superuser.query<{ record: string }>('select record from coffer.audit_events where stream is null order by id')
      return rows.map(({ record }) => JSON.parse(record) as Record<string, unknown>) // an event of ours
    },
  }
}

const initialise = async (database: TestDatabase, rootOrgId: string, rootKey: Buffer): Promise<string> => {
  const clusterId = makeUuidV7()
  await database.app.query("insert into coffer.cluster (cluster_id, cluster_name, root_org_id) values ($1, 'test', $2)", [clusterId, rootOrgId])
  const { rootToken } = await database.app.transaction(rootOrgId, (tx) => initialisePlatform(tx, { root: importRootKey(Buffer.from(rootKey), 1), clusterId, rootOrgId }, {}))
  return rootToken
}

interface WorkerParts {
  readonly database: TestDatabase
  readonly rootKey: Buffer
  readonly rootOrgId: string
  readonly log: string[]
  readonly settings: Readonly<Record<string, string>>
  readonly engines: readonly Engine[] | undefined
}

const startWorker = async (scope: TestScope, parts: WorkerParts): Promise<TestWorker> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-platform-'))
  const context = contextOf(parts, directory)
  const pools = openPools(context)
  const platform = await openPlatform({ context, pools, deliveries: new Deliveries(), rootKey: Buffer.from(parts.rootKey), generation: 1, engines: parts.engines, log: { failed: (_id, where, error) => context.logger.error(where, { error }) } })
  scope.after(async () => {
    await platform.close()
    await pools.close()
    await rm(directory, { recursive: true, force: true })
  })
  const runners = new Map([...platform.rest, ...platform.flat, ...platform.vault, ...vaultRunners(platform)])
  const mount = async (path: string): Promise<Mount | undefined> => (await platform.vaultBackend.registry(parts.rootOrgId)).mountByPath('secret', path)
  return { platform, pools, withToken: (token) => clientOf(runners, token, mount) }
}

/** Their wire names are snake_case. */
const vaultRunners = (platform: Platform): readonly (readonly [string, Runner])[] =>
  [...platform.vaultBackend.fixed, ...[...platform.vaultBackend.engines.values()].flat()].map(({ operation, run }) => [operation.id, run] as const)

const contextOf = ({ database, log, settings }: WorkerParts, directory: string): WorkerContext => {
  const roles = (['coffer_app', 'coffer_jobs', 'coffer_audit', 'coffer_migrator'] as const).map((role) => [role, database.settingsFor(role)] as const)
  const access = Object.fromEntries(roles) as WorkerContext['database']['pooled'] // the four roles, just listed
  return {
    config: loadConfig({ command: 'server', argv: ['--data-dir', directory], environment: { COFFER_SEAL_KIND: 'keyfile', COFFER_AUDIT_SEGMENT_BYTES: '1MiB', ...settings } }),
    slot: 0,
    workers: 1,
    nodeId: makeUuidV7(),
    bootId: makeUuidV7(),
    version: '0.0.0',
    database: { pooled: access, direct: access },
    sealControl: noSupervisor,
    ceremonies: noCeremonies,
    logger: createLogger({ level: 'debug', format: 'json', write: (line) => void log.push(line) }),
    metrics: new Metrics(),
    collectMetrics: async () => [],
    announceStream: async () => undefined,
  }
}

const refused = () => Promise.reject(fail('unavailable', 'test.no_supervisor', 'There is no supervisor here.'))
const noSupervisor: SealControl = { status: refused, initialise: refused, submitShare: refused, resetUnseal: refused, seal: refused }

let requests = 0

const clientOf = (runners: ReadonlyMap<string, Runner>, token: string | undefined, mount: (path: string) => Promise<Mount | undefined>): Client => async (operation, input = {}, options = {}) => {
  const run = runners.get(operation.id)
  if (run === undefined) throw new Error(`nothing answers ${operation.id}`)
  requests += 1
  const answer = await run({
    door: 'rest',
    requestId: `req_${requests}`,
    raw: rawOf(operation, input),
    leniency: 'strict' satisfies Leniency,
    token,
    namespace: options.namespace,
    projectHeader: options.project,
    idempotencyKey: options.idempotencyKey,
    sourceIp: options.sourceIp ?? '127.0.0.1',
    ...(operation.id.startsWith('kv.') || options.mount !== undefined ? { mount: await mount(options.mount ?? DEFAULT_PROJECT) } : {}),
  })
  const encoded = encodeOutput(operation.output, answer.data ?? {})
  return JSON.parse(JSON.stringify(encoded)) as never // what the contract declares, as encodeOutput has just checked
}

/** Each field where the contract has it: path and query carry text. */
const rawOf = (operation: { readonly method: string; readonly path: string; readonly input: Fields }, input: Readonly<Record<string, unknown>>): RawInput => {
  const raw = { path: {} as Record<string, string>, query: {} as Record<string, string>, body: undefined as Record<string, unknown> | undefined }
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue
    const field = operation.input[name]
    const location = field === undefined ? 'body' : locationOf(name, field, operation)
    if (location === 'body') raw.body = { ...raw.body, [name]: value }
    else raw[location][name] = String(value)
  }
  return raw
}
