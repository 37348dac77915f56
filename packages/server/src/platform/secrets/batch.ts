// Handlers over all secrets of an environment: injection, and documents in and out.

import { reveal, secret } from '../../crypto/secret.ts'
import type { Action, Call } from '../../kernel/call.ts'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { implement, withBatch, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { parsePath } from '../../kernel/path.ts'
import { resolveFolder, resolveSecret, resourceBelow, type Places } from '../../kernel/places.ts'
import { parseAlias } from '../../kernel/secret-model.ts'
import type { BatchItem, SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import type { BatchValue, WarmBatch } from '../../kernel/warm.ts'
import { wipe } from '../../lib/bytes.ts'
import { formatDocument, parseDocument } from './documents.ts'
import { visible } from './list.ts'
import * as contracts from './operations.ts'
import { sameName, toVariables, variableName } from './variables.ts'

const operations = { inject: contracts.inject, diff: contracts.diff, push: contracts.push, pull: contracts.pull }

interface BatchRead {
  readonly values: readonly BatchValue[]
  /** Of those that the caller may see. */
  readonly withheld: number
}

/** Whoever may reveal may do so for many at once, unless a rule says that just this is denied. */
const mayExport: WarmBatch['may'] = (verdictOn) => {
  const exporting = verdictOn('export')
  return exporting.allow || (exporting.rule === 'default-deny' && verdictOn('reveal').allow)
}

/** Every readable secret of a folder, with a record for each. */
const readAll = async (secrets: SecretsPort, places: Places, access: SecretAccess, options: { readonly alias: string; readonly limit: number; readonly action: string }): Promise<BatchRead> => {
  const { call, address } = access
  const isProtected = await protection(places, access)
  const may = (path: string): boolean => mayExport((action) => call.allows(action, resourceBelow(places, access, path, action, isProtected)))
  const { items, withheld } = await secrets.revealAll(access, { alias: options.alias, limit: options.limit, may })
  for (const { path, revealed } of items) {
    call.alsoRecord({ action: options.action, project: address.project, environment: address.environment, path, version: revealed.version.version, resourceType: 'secret', resourceId: revealed.snapshot.secret.secretId, rule: call.audit.rule })
  }
  // The record counts all of them: plans are learned from it, and only from what is whole.
  call.audit.metadata = { ...call.audit.metadata, secrets: items.length, withheld: withheld.length }
  return { values: items.map(take), withheld: withheld.length === 0 ? 0 : withheld.filter(visible(places, access)).length }
}

const take = ({ path, revealed }: BatchItem): BatchValue => {
  try {
    return { path, type: revealed.type, version: revealed.version.version, text: revealed.plaintext.toString('utf8') }
  } finally {
    wipe(revealed.plaintext)
  }
}

/** By its path from the folder on. */
const below = <Value extends { readonly path: string }>({ path }: { readonly path: string }, values: readonly Value[]): readonly Value[] => values.map((value) => ({ ...value, path: value.path.slice(path.length) }))

const protection = async (places: Places, { call, address }: SecretAccess): Promise<boolean> => {
  const registry = await places.registry(call.orgId)
  return registry.environment(address.mountId, address.environment)?.protected ?? false
}

const inject = (secrets: SecretsPort, places: Places, limit: number): Handlers<typeof operations>['inject'] => async (input, call) => {
  const access = await resolveFolder(places, call, input, input.prefix)
  const read = await readAll(secrets, places, access, { alias: parseAlias(input.alias), limit, action: 'secret.reveal' })
  return injection(below(access.address, read.values), input.prefixPath, read.withheld)
}

const injection = (values: readonly BatchValue[], wholePath: boolean, withheld: number) => {
  const { variables, excluded } = toVariables(values, wholePath)
  return { variables: Object.fromEntries([...variables].map(([name, text]) => [name, secret(text)])), excluded, withheld, secrets: values.map(({ path, version }) => ({ path, version })) }
}

const warmInject = (places: Places): WarmBatch => ({
  action: 'secret.reveal',
  resource: (action, address, path, isProtected) => resourceBelow(places, { address }, path, action, isProtected),
  may: mayExport,
  answer: ({ prefixPath }, folder, values) => injection(below(folder, values), prefixPath === true, 0),
})

const pull = (secrets: SecretsPort, places: Places, limit: number): Handlers<typeof operations>['pull'] => async (input, call) => {
  const access = await resolveFolder(places, call, input, input.prefix)
  const read = await readAll(secrets, places, access, { alias: 'current', limit, action: 'secret.export' })
  const values = new Map<string, string>()
  const owners = new Map<string, string>()
  for (const { path, text } of below(access.address, read.values)) {
    const name = input.prefixPath || input.format === 'env' ? variableName(path, input.prefixPath) : path
    const owner = owners.get(name)
    if (owner !== undefined) throw sameName(owner, path, name)
    owners.set(name, path)
    values.set(name, text)
  }
  return { format: input.format, content: secret(formatDocument(input.format, values)), withheld: read.withheld, secrets: values.size }
}

interface Compared {
  readonly access: SecretAccess
  readonly values: ReadonlyMap<string, string>
  readonly changes: readonly { readonly path: string; readonly change: 'create' | 'update' | 'unchanged' | 'remote-only' | 'error'; readonly message?: string | undefined }[]
}

const compare = async (secrets: SecretsPort, places: Places, call: Call, input: { readonly project?: string | undefined; readonly environment?: string | undefined; readonly prefix?: string | undefined; readonly format: 'env' | 'json' | 'yaml'; readonly content: string; readonly limit: number }): Promise<Compared> => {
  const access = await resolveFolder(places, call, input, input.prefix)
  const values = new Map<string, string>()
  const errors: { readonly path: string; readonly change: 'error'; readonly message: string }[] = []
  for (const [name, value] of parseDocument(input.format, input.content)) {
    try {
      const path = access.address.path + parsePath(name).segments.join('/')
      if (values.has(path)) throw fail('invalid_request', 'sync.same_path', 'Another name of the document means the same secret.')
      values.set(path, value)
    } catch (error) {
      errors.push({ path: name.slice(0, 100), change: 'error', message: asCofferError(error).message })
    }
  }
  if (values.size > input.limit) throw fail('invalid_request', 'sync.too_many', `At most ${input.limit} names fit in one document.`, { field: 'content' })
  const isProtected = await protection(places, access)
  const mayAny = (actions: readonly Action[]) => (path: string): boolean => actions.some((action) => call.allows(action, resourceBelow(places, access, path, action, isProtected)).allow)
  const compared = await secrets.compare(access, values, { limit: MOST_SECRETS, mayReveal: mayAny(['reveal', 'export']), maySee: mayAny(['read', 'list']), mayCompare: mayAny(['reveal', 'create', 'update']) })
  return { access, values, changes: [...[...compared].map(([path, change]) => (change === 'refused' ? { path, change: 'error' as const, message: REFUSED } : { path, change })), ...errors] }
}

const MOST_SECRETS = 10_000
const REFUSED = 'You may neither read nor write this secret.'

const count = (changes: Compared['changes'], kind: string): number => changes.filter(({ change }) => change === kind).length
const summaryOf = (changes: Compared['changes']) => ({ created: count(changes, 'create'), updated: count(changes, 'update'), unchanged: count(changes, 'unchanged'), errors: count(changes, 'error'), changes })

const push = (secrets: SecretsPort, places: Places, limit: number): Handlers<typeof operations>['push'] => async (input, call) => {
  const { access, values, changes } = await compare(secrets, places, call, { ...input, content: reveal(input.content, 'to be parsed and compared'), limit })
  const summary = summaryOf(changes)
  const toWrite = changes.filter(({ change }) => change === 'create' || change === 'update')
  if (!input.confirm || summary.errors > 0 || toWrite.length === 0) return { ...summary, applied: false }
  const writes = await Promise.all(
    toWrite.map(async ({ path }) => ({
      access: await resolveSecret(places, call, { project: access.address.project, environment: access.address.environment }, path),
      command: { value: values.get(path) ?? '', type: undefined, metadata: {}, expiresAt: undefined, expectedCurrent: undefined, pending: false },
    })),
  )
  await secrets.putMany(writes)
  return { ...summary, applied: true }
}

const diff = (secrets: SecretsPort, places: Places, limit: number): Handlers<typeof operations>['diff'] => async (input, call) =>
  summaryOf((await compare(secrets, places, call, { ...input, content: reveal(input.content, 'to be parsed and compared'), limit })).changes)

/** Injection and documents. `limit`: most secrets in one call. */
export const batchOperations = (secrets: SecretsPort, places: Places, limit: number): readonly Implemented[] =>
  withBatch(implement(operations, { inject: inject(secrets, places, limit), pull: pull(secrets, places, limit), push: push(secrets, places, limit), diff: diff(secrets, places, limit) }), operations.inject.id, warmInject(places))
