// A whole document in either notation, as one tree: what begins with `{` is JSON, anything else HCL.

import { JsonError, parseJson } from '../../../lib/json.ts'
import { hclFromJson, parseHcl, type HclObject, type HclValue } from './parse.ts'
import { HclError, maxHclBytes } from './tokens.ts'

export const isHclObject = (value: HclValue | undefined): value is HclObject => typeof value === 'object' && value !== null && value.kind === 'object'

/** Throws HclError, and nothing else, on any text that is not a document. */
export const parseDocument = (text: string): HclObject => {
  if (!text.trimStart().startsWith('{')) return parseHcl(text)
  try {
    const tree = hclFromJson(parseJson(text, { maxDepth: 32, maxBytes: maxHclBytes * 4 }))
    if (isHclObject(tree)) return tree
  } catch (error) {
    throw error instanceof JsonError ? new HclError(error.message, 1) : error
  }
  throw new HclError('expected an object', 1)
}
