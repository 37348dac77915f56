// An answer made of the values of many secrets, kept for those who ask for the same: encrypted under a key of its own, which is
// nowhere but in memory and used for nothing else. It protects what a cached ciphertext with its data key protects, and is opened in one go instead of value by value.

import { openBytes, sealBytes } from '../../crypto/aead.ts'
import { importAesKey, makeKeyBytes, type AesKey } from '../../crypto/keys.ts'
import type { Grant } from '../../kernel/call.ts'
import type { KeptAnswer } from '../../kernel/warm.ts'

const AAD = Buffer.from('coffer/kept-answer/1', 'latin1')

export class SealedAnswer implements KeptAnswer {
  readonly length: number
  readonly #key: AesKey
  readonly #sealed: Buffer

  /** The answer is the caller's to wipe. */
  constructor(answer: Buffer) {
    this.length = answer.length
    this.#key = importAesKey(makeKeyBytes())
    this.#sealed = sealBytes(this.#key, answer, AAD)
  }

  open(_grant: Grant): Buffer {
    return openBytes(this.#key, this.#sealed, AAD)
  }
}
