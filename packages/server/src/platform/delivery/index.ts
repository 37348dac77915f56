// Handlers behind the gRPC door: the same service as every other door, with paths that begin with their environment.

import { secret } from '../../crypto/secret.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { joinPath, parsePath } from '../../kernel/path.ts'
import { projectOf, resolveSecret, type Places } from '../../kernel/places.ts'
import { parseSelector } from '../../kernel/secret-model.ts'
import type { SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import { DEFAULT_ENVIRONMENT } from '../../kernel/tenancy.ts'
import { wipe } from '../../lib/bytes.ts'
import * as operations from './operations.ts'

/** Paths that one stream may watch. */
const MAX_WATCHED = 100
/** An environment's slug, a slash, and the longest path. */
const MAX_PATH_BYTES = 63 + 1 + 512

interface Named {
  readonly secretPath: string
  readonly access: SecretAccess
}

/** The secret that `prod/payments/x` names. @throws invalid_request */
const resolve = async (places: Places, call: Call, text: string): Promise<Named> => {
  const { segments, trailingSlash } = parsePath(text, MAX_PATH_BYTES)
  if (trailingSlash) throw fail('invalid_request', 'path.invalid', 'A secret\'s path does not end with a slash.', { field: 'secret_path' })
  const registry = await places.registry(call.orgId)
  const mount = registry.mountByPath('secret', projectOf(call, undefined))
  const [first = '', ...rest] = segments
  const isEnvironment = mount !== undefined && rest.length > 0 && registry.environment(mount.mountId, first) !== undefined
  // The slash in front keeps a segment that looks like a secret's id from being taken for one.
  const key = `/${joinPath(isEnvironment ? rest : segments)}`
  const access = await resolveSecret(places, call, { environment: isEnvironment ? first : DEFAULT_ENVIRONMENT }, key)
  return { secretPath: segments.join('/'), access }
}

const resolveAll = async (places: Places, call: Call, paths: readonly string[]): Promise<readonly Named[]> => {
  if (paths.length === 0) throw fail('invalid_request', 'delivery.no_paths', 'Name at least one secret to watch.', { field: 'secret_paths' })
  if (paths.length > MAX_WATCHED) throw fail('rate_limited', 'delivery.too_many_paths', `One stream watches at most ${MAX_WATCHED} secrets. Open another for the rest.`, { field: 'secret_paths' })
  const named = new Map<string, Named>()
  for (const path of paths) {
    const one = await resolve(places, call, path)
    named.set(one.secretPath, one)
  }
  return [...named.values()]
}

interface Granted extends Named {
  readonly grant: Grant
}

/** Aliases are no plaintext: whoever may see what a secret is, or may have its value, may follow them. */
const authorise = (one: Named): Granted => {
  const { audit } = one.access.call
  // A refusal's record names the path that was refused, not the first that was asked about.
  audit.project = audit.environment = audit.path = undefined
  return { ...one, grant: one.access.authorise('read', 'reveal') }
}

/** @returns the versions by alias; empty when there is no such secret */
const aliasesOf = async (secrets: SecretsPort, { access }: Named): Promise<Readonly<Record<string, number>>> => {
  try {
    const { aliases } = await secrets.metadata({ ...access, authorise: () => access.authorise('read', 'reveal') }, { selector: 'current' })
    return Object.fromEntries([...aliases.values()].map(({ alias, version }) => [alias, version]))
  } catch (error) {
    if (isCofferError(error) && error.code === 'secret.not_found') return {}
    throw error
  }
}

/** What the main record of several paths says instead of one of them. */
const countPaths = (call: Call, paths: number): void => {
  call.audit.project = call.audit.environment = call.audit.path = call.audit.resourceId = undefined
  call.audit.metadata = { ...call.audit.metadata, paths }
}

const changeKey = ({ access: { address } }: Named): string => `${address.mountId}/${address.environment}/${address.path}`

interface Looked extends Granted {
  readonly aliases: Readonly<Record<string, number>>
}

/** One record names its path; of several, each has its own and the main one counts them. */
const recordLooks = (call: Call, looks: readonly Looked[]): void => {
  const [only] = looks
  if (looks.length === 1 && only !== undefined) {
    call.audit.action = 'secret.read'
    call.audit.version = only.aliases['current']
    return
  }
  countPaths(call, looks.length)
  for (const { access, grant, aliases } of looks) {
    const { project, environment, path } = access.address
    call.alsoRecord({ action: 'secret.read', project, environment, path, version: aliases['current'], resourceType: 'secret', rule: grant.rule })
  }
}

const itemOf = (one: Named) => ({ secretPath: one.secretPath, change: changeKey(one) })

const look = async (secrets: SecretsPort, call: Call, granted: readonly Granted[]) => {
  const looks: Looked[] = []
  for (const one of granted) looks.push({ ...one, aliases: await aliasesOf(secrets, one) })
  recordLooks(call, looks)
  return looks.map((one) => ({ ...itemOf(one), aliases: one.aliases }))
}

export const deliveryOperations = (secrets: SecretsPort, places: Places): readonly Implemented[] =>
  implement(operations, {
    async get(input, call) {
      const { secretPath, access } = await resolve(places, call, input.secretPath)
      const revealed = await secrets.reveal(access, parseSelector(input.versionOrAlias === '' ? 'current' : input.versionOrAlias))
      try {
        const { version, expiresAt } = revealed.version
        return { secretPath, versionNumber: version, plaintextValue: secret(revealed.plaintext.toString('utf8')), expiresAtUnix: expiresAt === undefined ? 0 : Math.floor(expiresAt / 1000) }
      } finally {
        wipe(revealed.plaintext)
      }
    },
    async watch(input, call) {
      const named = await resolveAll(places, call, input.secretPaths)
      // All before the first read: a stream is either wholly allowed or not at all.
      const granted = named.map(authorise)
      const items = input.look ? await look(secrets, call, granted) : granted.map(itemOf)
      if (!input.look && granted.length > 1) countPaths(call, granted.length)
      return { organizationId: call.orgId, tokenId: call.caller?.tokenId ?? '', ...(call.caller?.expiresAt === undefined ? {} : { expiresIn: Math.max(0, Math.trunc(call.caller.expiresAt - call.now())) }), items }
    },
  })
