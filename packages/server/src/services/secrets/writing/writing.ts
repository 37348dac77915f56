// How writes reach the database: those of one organization that come while a statement is under way go in the next one together, what they must know of
// their secrets as well. One secret's writes take turns, so that each is planned from the one before.

import { asCofferError } from '../../../kernel/errors.ts'
import type { SecretAddress } from '../../../kernel/secret-model.ts'
import { isRetryable, statementErrorOf } from '../../../kernel/storage.ts'
import { Gathering } from '../../../lib/gathering.ts'
import { SharedRoom } from '../../../lib/bounded-queue.ts'
import { Turns } from '../../../lib/turns.ts'
import type { SecretPorts } from '../ports.ts'
import * as repository from '../repository.ts'
import type { KnownRow, VersionRecord } from '../rows.ts'
import { encodeItems, orderOf, type Item } from './item.ts'
import { KnownSecrets } from './known.ts'

const MOST_BYTES = 1024 * 1024

/** The database refused the whole and holds none of it. When the connection was lost nobody knows, and nothing is sent again. */
const wasRefused = (error: unknown): boolean => statementErrorOf(error) !== undefined && (isRetryable(error) || asCofferError(error).kind !== 'unavailable')

export class Writing {
  readonly known = new KnownSecrets()
  readonly turns = new Turns<string>()
  readonly #database: SecretPorts['database']
  readonly #room: SharedRoom
  readonly #looks: Gathering<SecretAddress, KnownRow | undefined>
  readonly #ranges: Gathering<repository.VersionRange, readonly VersionRecord[]>
  readonly #changes: Gathering<Item, boolean>

  constructor({ database, limits }: Pick<SecretPorts, 'database' | 'limits'>) {
    this.#database = database
    this.#room = new SharedRoom(limits.writers)
    // Two journeys, so that the database has work while this process makes ready what follows.
    const common = { isOfOne: wasRefused, most: 64, mostBytes: MOST_BYTES, journeys: 2, worthwhile: 8, place: <T>(journey: () => Promise<T>) => this.#room.journey(journey) }
    this.#looks = new Gathering({ ...common, send: (orgId, addresses) => repository.lookupMany(database, orgId, addresses) })
    this.#ranges = new Gathering({ ...common, send: (orgId, ranges) => repository.versionsBetween(database, orgId, ranges) })
    this.#changes = new Gathering({ ...common, send: (orgId, items) => this.#send(orgId, items) })
  }

  /** The rows of a secret but for its value; nobody has checked them yet. */
  look(address: SecretAddress): Promise<KnownRow | undefined> {
    return this.#looks.add(address.orgId, address)
  }

  /** Versions that are not destroyed; nobody has checked them yet. */
  versionsBetween(orgId: string, range: repository.VersionRange): Promise<readonly VersionRecord[]> {
    return this.#ranges.add(orgId, range)
  }

  /** Applies a change that can be gathered. False: it was planned from what is no longer so. */
  apply(item: Item): Promise<boolean> {
    const { orgId, sealed } = item.signed.change
    return this.#changes.add(orgId, item, sealed?.ciphertext.length ?? 0)
  }

  /** Whatever else takes a connection on behalf of a write. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.#room.alone(task)
  }

  async #send(orgId: string, items: readonly Item[]): Promise<readonly boolean[]> {
    const [first] = items
    // One alone that was just read needs no comparing, and the statement for one is the quicker.
    if (items.length === 1 && first?.isFresh === true) return [(await repository.applySigned(this.#database, first.signed)).status === 'ok']
    const written = await repository.applyMany(this.#database, orgId, encodeItems(items.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))))
    return items.map(({ signed }) => written.has(signed.change.plan.secret.secretId))
  }
}
