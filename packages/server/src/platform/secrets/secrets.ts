// Handlers of single secrets on the native door: names in, the service, views out.

import { fail } from '../../kernel/errors.ts'
import { reveal, secret, type Secret } from '../../crypto/secret.ts'
import { implement, withWarm, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { resolveSecret, type Places } from '../../kernel/places.ts'
import { parseAlias, parseSelector, shownState, type SecretAddress } from '../../kernel/secret-model.ts'
import type { Revealed, SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import type { WarmAnswer } from '../../kernel/warm.ts'
import { decodeCursorNumber, encodeCursor, type Cursors } from '../../kernel/cursor.ts'
import { list } from './list.ts'
import * as contracts from './operations.ts'
import { changedView, expiryOf, iso, isoOrNull, metadataPatch, snapshotView, takeText, versionView, writtenView } from './views.ts'

const { diff: _diff, push: _push, pull: _pull, inject: _inject, ...operations } = contracts

/** `version` and `alias` name one selector; both at once would name two. @throws invalid_request */
export const selectorOf = (input: { readonly version?: string | undefined; readonly alias?: string | undefined }): string => {
  if (input.version !== undefined && input.alias !== undefined) throw fail('invalid_request', 'request.both', 'Give version or alias, not both.', { field: 'alias' })
  return parseSelector(input.version ?? input.alias ?? 'current')
}

const swap = (expected: number | null | undefined): number | undefined => (expected === undefined ? undefined : (expected ?? 0))

const revealedView = (address: SecretAddress, { snapshot, version, state }: Omit<Revealed, 'plaintext'>, value: Secret<string>) => ({
  ...snapshotView(address, snapshot), value, version: version.version, versionNumber: version.version, state, expiresAt: isoOrNull(version.expiresAt), sha256Fingerprint: version.fingerprint,
})

/** Only a read with `reveal` comes as far as to be repeated. */
const warmGet: WarmAnswer = { form: () => 'text', answer: (address, revealed, value) => revealedView(address, revealed, secret(value)) }

// Whoever may propose a version sees its fingerprint; beside that of the current one it would tell whether a guess is right.
const fingerprintFor = (access: SecretAccess, fingerprint: string) => (access.allows('reveal') ? { sha256Fingerprint: fingerprint } : {})

const get = (secrets: SecretsPort, places: Places): Handlers<typeof operations>['get'] => async (input, call) => {
  const access = await resolveSecret(places, call, input, input.key)
  const selector = selectorOf(input)
  if (input.reveal) {
    call.audit.action = 'secret.reveal'
    const revealed = await secrets.reveal(access, selector)
    return revealedView(access.address, revealed, takeText(revealed))
  }
  const snapshot = await secrets.metadata(access, { selector })
  const version = snapshot.selected
  if (version === undefined && (input.version !== undefined || input.alias !== undefined)) throw fail('not_found', 'secret.version_not_found', 'The secret has no such version.')
  const view = snapshotView(access.address, snapshot)
  if (version === undefined) return view
  return { ...view, version: version.version, versionNumber: version.version, state: shownState(version, snapshot.aliases), expiresAt: isoOrNull(version.expiresAt), ...fingerprintFor(access, version.fingerprint) }
}

const put = (secrets: SecretsPort, places: Places): Handlers<typeof operations>['put'] => async (input, call) => {
  const access = await resolveSecret(places, call, input, input.key)
  const written = await secrets.put(access, {
    value: reveal(input.value, 'to be encrypted'),
    type: input.type,
    metadata: metadataPatch(input),
    ...expiryOf(input, call.now()),
    expectedCurrent: swap(input.expectedPreviousVersion),
    pending: false,
  })
  return writtenView(access.address.path, written)
}

const history = (secrets: SecretsPort, places: Places): Handlers<typeof operations>['history'] => async (input, call) => {
  const access = await resolveSecret(places, call, input, input.key)
  const before = input.after === undefined ? Number.MAX_SAFE_INTEGER : decodeCursorNumber('history', input.after)
  const { items } = await secrets.history(access, { before, limit: input.limit + 1 })
  const shown = items.slice(0, input.limit)
  const last = shown[shown.length - 1]
  return { items: shown.map((item) => ({ ...versionView(item), ...fingerprintFor(access, item.version.fingerprint) })), ...(items.length > input.limit && last !== undefined ? { next: encodeCursor('history', String(last.version.version)) } : {}) }
}

const setState = (secrets: SecretsPort, places: Places): Handlers<typeof operations>['setState'] => async (input, call) => {
  const access = await resolveSecret(places, call, input, input.key)
  if (input.state === 'DISABLED') await secrets.disable(access, { version: input.version, force: input.force })
  else if (input.state === 'ENABLED') await secrets.enable(access, { version: input.version })
  else await secrets.destroy(access, { versions: [input.version], force: input.force, mustExist: true })
  return { version: input.version, state: input.state }
}

const setAlias = (secrets: SecretsPort, places: Places): Handlers<typeof operations>['setAlias'] => async (input, call) => {
  const access = await resolveSecret(places, call, input, input.key)
  const alias = parseAlias(input.alias)
  const expected = swap(input.expectedPreviousVersion)
  const set = alias === 'current' ? await secrets.promote(access, { version: input.version, expectedCurrent: expected }) : await secrets.setAlias(access, { alias, version: input.version, expectedVersion: expected })
  return { alias, version: set.version, versionNumber: set.version, updatedAt: iso(set.updatedAt) }
}

const changes = (secrets: SecretsPort, places: Places): Pick<Handlers<typeof operations>, 'patch' | 'remove' | 'purge' | 'restore' | 'rollback' | 'propose' | 'removeAlias'> => ({
  async patch(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    return changedView(access.address, await secrets.updateMetadata(access, metadataPatch(input)))
  },
  async remove(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    return changedView(access.address, await secrets.remove(access))
  },
  async purge(input, call) {
    await secrets.purge(await resolveSecret(places, call, input, input.key))
    return { purged: true }
  },
  async restore(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    return changedView(access.address, await secrets.restore(access))
  },
  async rollback(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    call.audit.action = 'secret.rollback'
    return writtenView(access.address.path, await secrets.rollback(access, { selector: parseSelector(input.version), expectedCurrent: swap(input.expectedPreviousVersion) }))
  },
  async propose(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    const written = await secrets.put(access, { value: reveal(input.value, 'to be encrypted'), type: input.type, metadata: {}, ...expiryOf(input, call.now()), expectedCurrent: undefined, pending: true })
    return writtenView(access.address.path, written)
  },
  async removeAlias(input, call) {
    const access = await resolveSecret(places, call, input, input.key)
    await secrets.setAlias(access, { alias: parseAlias(input.alias), version: undefined, expectedVersion: undefined })
    return { removed: true }
  },
})

/** Single secrets, their versions and aliases. */
export const secretOperations = (secrets: SecretsPort, places: Places, cursors: Cursors): readonly Implemented[] =>
  withWarm(implement(operations, { get: get(secrets, places), put: put(secrets, places), list: list(secrets, places, cursors), history: history(secrets, places), setState: setState(secrets, places), setAlias: setAlias(secrets, places), ...changes(secrets, places) }), operations.get.id, warmGet)
