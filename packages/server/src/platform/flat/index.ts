// Handlers of the flat door: the same service, the names of its articles.

import { reveal } from '../../crypto/secret.ts'
import { fail } from '../../kernel/errors.ts'
import { formatId } from '../../kernel/ids.ts'
import { implement, withWarm, type Implemented } from '../../kernel/operation.ts'
import { resolveSecret, resolveSecretId, type Places } from '../../kernel/places.ts'
import { DEFAULT_ENVIRONMENT } from '../../kernel/tenancy.ts'
import { parseAlias, parseRotationStrategy, parseSelector, type SecretAddress } from '../../kernel/secret-model.ts'
import type { Revealed, SecretsPort } from '../../kernel/secrets.ts'
import type { WarmAnswer } from '../../kernel/warm.ts'
import { wipe } from '../../lib/bytes.ts'
import { secret } from '../../crypto/secret.ts'
import * as operations from './operations.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

/** Of a value with two names: whichever was given. @throws invalid_request when both are and differ, or neither is */
const either = <T>(first: T | undefined, second: T | undefined, names: readonly [string, string]): T => {
  if (first !== undefined && second !== undefined && first !== second) throw fail('invalid_request', 'request.both', `${names[0]} and ${names[1]} are the same thing and differ.`, { field: names[1] })
  const value = first ?? second
  if (value === undefined) throw fail('invalid_request', 'request.missing_field', `"${names[0]}" is missing.`, { field: names[0] })
  return value
}

const readView = ({ path }: SecretAddress, { version: { version, expiresAt } }: Pick<Revealed, 'version'>, value: string) => ({
  path, version, versionNumber: version, value: secret(value), expiresAt: expiresAt === undefined ? null : iso(expiresAt),
})

const warmRead: WarmAnswer = { form: () => 'text', answer: readView }

export const flatOperations = (secrets: SecretsPort, places: Places): readonly Implemented[] =>
  withWarm(implement(operations, {
    async create(input, call) {
      const access = await resolveSecret(places, call, { project: undefined, environment: input.environment }, input.path)
      const row = await secrets.register(access, { type: input.type, metadata: { ownerTeam: input.ownerTeam, description: input.description, rotationStrategy: parseRotationStrategy(input.rotationStrategy) } })
      const prefix = access.address.environment === DEFAULT_ENVIRONMENT ? '' : `${access.address.environment}/`
      return { secretId: formatId('secret', row.secretId), path: prefix + row.path, status: 'ACTIVE', createdAt: iso(row.createdAt) }
    },
    async createVersion(input, call) {
      const access = await resolveSecretId(places, call, input.secretId)
      const first = input.value === undefined ? undefined : reveal(input.value, 'to be encrypted')
      const second = input.plaintextValue === undefined ? undefined : reveal(input.plaintextValue, 'to be encrypted')
      const value = either(first, second, ['value', 'plaintextValue'])
      const expiresAt = input.expiresAt === undefined ? undefined : Date.parse(input.expiresAt)
      const written = await secrets.put(access, { value, type: input.type, metadata: {}, expiresAt, expectedCurrent: undefined, pending: true })
      return { version: written.version, versionNumber: written.version, status: written.state, sha256Fingerprint: written.fingerprint, createdAt: iso(written.createdAt) }
    },
    async setAlias(input, call) {
      const access = await resolveSecretId(places, call, input.secretId)
      const alias = parseAlias(input.alias)
      const version = either(input.version, input.versionNumber, ['version', 'versionNumber'])
      const expected = input.expectedPreviousVersion ?? 0
      const set = alias === 'current' ? await secrets.promote(access, { version, expectedCurrent: expected }) : await secrets.setAlias(access, { alias, version, expectedVersion: expected })
      return { alias, version, versionNumber: version, updatedAt: iso(set.updatedAt) }
    },
    async read(input, call) {
      const access = await resolveSecret(places, call, { project: undefined, environment: input.environment }, input.path)
      if (input.version !== undefined && input.alias !== undefined) throw fail('invalid_request', 'request.both', 'Give version or alias, not both.', { field: 'alias' })
      const revealed = await secrets.reveal(access, parseSelector(input.version ?? input.alias ?? 'current'))
      try {
        return readView(access.address, revealed, revealed.plaintext.toString('utf8'))
      } finally {
        wipe(revealed.plaintext)
      }
    },
  }), operations.read.id, warmRead)
