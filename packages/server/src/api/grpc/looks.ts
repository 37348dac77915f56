// What one stream knows of the secrets it watches, and the events between what it knew and what it sees.

import type { SecretChangeEvent } from './contract.ts'

export interface Looked {
  readonly secretPath: string
  /** Its key in the change feed. */
  readonly change: string
  readonly aliases: Readonly<Record<string, number>>
}

type Aliases = ReadonlyMap<string, number>

export class Looks {
  readonly #known = new Map<string, Aliases>()

  /** The events that lead from what was told last to what was seen now; `current` first, and told also when it names nothing. */
  tell({ secretPath, aliases }: Looked): readonly SecretChangeEvent[] {
    const before = this.#known.get(secretPath)
    const now: Aliases = new Map([['current', 0], ...Object.entries(aliases)])
    this.#known.set(secretPath, now)
    const events: SecretChangeEvent[] = []
    const tell = (alias: string, version: number): void => void events.push({ secret_path: secretPath, new_version_number: version, alias })
    for (const [alias, version] of now) if (before?.get(alias) !== version) tell(alias, version)
    for (const alias of before?.keys() ?? []) if (!now.has(alias)) tell(alias, 0)
    return events
  }
}
