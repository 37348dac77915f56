// How writes reach the database: those of one organization that come while a statement is under way go in the next one together, what they must know of
// their secrets as well. One secret's writes take turns, so that each is planned from the one before.

import { asCofferError } from '../../../kernel/errors.ts'
import type { SecretAddress } from '../../../kernel/secret-model.ts'
import { isRetryable, statementErrorOf } from '../../../kernel/storage.ts'
import { BoundedQueue } from '../../../lib/bounded-queue.ts'
import { Gatherer } from '../../../lib/gatherer.ts'
import { Turns } from '../../../lib/turns.ts'
import type { SecretPorts } from '../ports.ts'
import * as repository from '../repository.ts'
import type { KnownRow } from '../rows.ts'
import { itemText, orderOf, type Item } from './item.ts'
import { KnownSecrets } from './known.ts'

const MOST_ITEMS = 64
const MOST_BYTES = 1024 * 1024
const FLIGHTS = 2
const WORTHWHILE = 8

type Lane<Item_, Result> = Pick<Gatherer<Item_, Result>, 'add'>

/** The database refused the whole and holds none of it. When the connection was lost nobody knows, and nothing is sent again. */
const wasRefused = (error: unknown): boolean => statementErrorOf(error) !== undefined && (isRetryable(error) || asCofferError(error).kind !== 'unavailable')

export class Writing {
  readonly known = new KnownSecrets()
  readonly turns = new Turns<string>()
  readonly #database: SecretPorts['database']
  readonly #room: BoundedQueue
  readonly #looks = new Map<string, Gatherer<SecretAddress, KnownRow | undefined>>()
  readonly #applies = new Map<string, Gatherer<Item, boolean>>()

  constructor({ database, limits }: Pick<SecretPorts, 'database' | 'limits'>) {
    this.#database = database
    this.#room = new BoundedQueue({ concurrency: limits.writers, maxWaiting: Number.POSITIVE_INFINITY })
  }

  /** The rows of a secret but for its value; nobody has checked them yet. */
  look(address: SecretAddress): Promise<KnownRow | undefined> {
    return this.#lane(this.#looks, address.orgId, {
      run: (addresses) => repository.lookupMany(this.#database, address.orgId, addresses),
      runAlone: async (each) => (await repository.lookupMany(this.#database, address.orgId, [each]))[0],
    }).add(address, address.path.length)
  }

  /** Applies a change that can be gathered. False: it was planned from what is no longer so. */
  apply(item: Item): Promise<boolean> {
    const { orgId, sealed } = item.signed.change
    const together = async (items: readonly Item[]): Promise<readonly boolean[]> => {
      const written = await repository.applyMany(this.#database, orgId, items.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)).map(itemText))
      return items.map(({ signed }) => written.has(signed.change.plan.secret.secretId))
    }
    return this.#lane(this.#applies, orgId, {
      // One alone that was just read needs no comparing, and the statement for one is the quicker.
      run: (items) => (items.length === 1 && items[0]?.isFresh === true ? this.#single(items[0]) : together(items)),
      runAlone: async (each) => (await together([each]))[0] === true,
    }).add(item, sealed?.ciphertext.length ?? 0)
  }

  /** Whatever else takes a connection on behalf of a write. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.#room.run(task)
  }

  async #single({ signed }: Item): Promise<readonly boolean[]> {
    return [(await repository.applySigned(this.#database, signed)).status === 'ok']
  }

  #lane<Each, Result>(lanes: Map<string, Gatherer<Each, Result>>, orgId: string, does: { readonly run: (items: readonly Each[]) => Promise<readonly Result[]>; readonly runAlone: (item: Each) => Promise<Result> }): Lane<Each, Result> {
    const found = lanes.get(orgId)
    if (found !== undefined) return found
    const lane = new Gatherer<Each, Result>({
      ...does, isSeparable: wasRefused, maxItems: MOST_ITEMS, maxBytes: MOST_BYTES, flights: FLIGHTS, worthwhile: WORTHWHILE,
      place: (flight) => this.#room.run(flight), onIdle: () => void lanes.delete(orgId),
    })
    lanes.set(orgId, lane)
    return lane
  }
}
