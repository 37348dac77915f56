/** Comparison that takes the same time wherever the first difference is, and whether or not the lengths agree. */
import { timingSafeEqual } from 'node:crypto'
import { sha256 } from './digest.ts'

/** Digests are compared rather than the inputs, so that inputs of different lengths take the same way. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}

export function equalText(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}

/**
 * The same for tags, whose length is everybody's knowledge: without the two digests, which cost more than the rest of checking a row. A tag of
 * another length is not equal.
 */
export function equalTags(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
