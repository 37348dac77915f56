// Typed values: what is stored is always text, and the type says what that text must be. Checked before encryption,
// so that a reader never meets a `json` that does not parse.

import { fail } from '../../kernel/errors.ts'
import { parseJson } from '../../lib/json.ts'
import { parseYaml } from '../../lib/yaml.ts'
import type { ValueType } from '../../kernel/secret-model.ts'

const MAX_DEPTH = 64

/**
 * The bytes to encrypt. The caller wipes them.
 * @throws invalid_request naming `value`; the message never repeats it.
 */
export const encodeValue = (text: string, type: ValueType, maxBytes: number): Buffer => {
  if (!text.isWellFormed()) throw wrong('it is not valid Unicode')
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length > maxBytes) throw fail('invalid_request', 'secret.too_large', `The value has ${bytes.length} bytes; at most ${maxBytes} are allowed.`, { field: 'value', httpStatus: 413 })
  checks[type](text)
  return bytes
}

const wrong = (why: string): Error => fail('invalid_request', 'secret.bad_value', `The value does not fit its type: ${why}.`, { field: 'value' })

const checks: Readonly<Record<ValueType, (text: string) => void>> = {
  text: () => undefined,
  password: (text) => {
    if (text === '') throw wrong('a password is not empty')
  },
  boolean: (text) => {
    if (text !== 'true' && text !== 'false') throw wrong('a boolean is true or false')
  },
  integer: (text) => {
    if (!/^-?(0|[1-9][0-9]{0,38})$/.test(text)) throw wrong('an integer has up to 39 digits and no leading zero')
  },
  json: (text) => {
    try {
      parseJson(text, { maxDepth: MAX_DEPTH, maxBytes: Number.MAX_SAFE_INTEGER })
    } catch {
      throw wrong('it is not JSON')
    }
  },
  yaml: (text) => {
    try {
      parseYaml(text)
    } catch {
      throw wrong('it is not YAML')
    }
  },
}
