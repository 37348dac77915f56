/**
 * A YAML reader for hostile input: bounded aliases, errors instead of the library's silence, and equal keys refused in one pass. The
 * library itself compares each key with each, so that a mapping of many keys would hold the process.
 */
import { isScalar, parseDocument, visit } from 'yaml'

export class YamlError extends Error {
  readonly code = 'yaml_syntax'
  constructor() {
    super('The text is not YAML')
  }
}

const MAX_ALIASES = 100

/** The value of one document; integers of any size as bigint. Throws `YamlError`, which repeats nothing of the text. */
export function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { prettyErrors: false, logLevel: 'error', intAsBigInt: true, uniqueKeys: false })
    if (document.errors.length > 0) throw new YamlError()
    visit(document, {
      Map(_at, { items }) {
        const seen = new Set<string>()
        for (const { key } of items) {
          if (!isScalar(key)) continue
          const name = `${typeof key.value} ${String(key.value)}`
          if (seen.has(name)) throw new YamlError()
          seen.add(name)
        }
      },
    })
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown // whatever the document holds
  } catch {
    throw new YamlError()
  }
}
