// Bytes that stay in this process for long: the root key in the supervisor, shares while they are collected. Where libsodium's secure memory is
// available they lie between guard pages, out of swap and core dumps, and unreadable except during `use`; elsewhere in a plain buffer.

import { createRequire } from 'node:module'
import { wipe } from '../lib/bytes.ts'

/** What we use of sodium-native, an optional dependency. No cryptography of it. */
interface SecureMemory {
  sodium_malloc(size: number): Buffer
  sodium_memzero(buffer: Buffer): void
  sodium_mprotect_noaccess(buffer: Buffer): void
  sodium_mprotect_readonly(buffer: Buffer): void
  sodium_mprotect_readwrite(buffer: Buffer): void
}

const loadSecureMemory = (): SecureMemory | null => {
  try {
    return createRequire(import.meta.url)('sodium-native') as SecureMemory // untyped by nature: resolved at run time
  } catch {
    return null // not installed, or no build for this platform
  }
}

const secureMemory = loadSecureMemory()

/** Whether keys are kept in locked memory on this machine; `doctor` shows it. */
export const memoryIsLocked = (): boolean => secureMemory !== null

export class LockedKey {
  readonly #memory: SecureMemory | null
  readonly #bytes: Buffer
  #uses = 0
  #wiped = false

  /** Moves the bytes in and wipes them where they came from. `memory` null: a plain buffer, as where libsodium is missing. */
  constructor(bytes: Buffer, memory: SecureMemory | null = secureMemory) {
    this.#memory = memory
    this.#bytes = memory?.sodium_malloc(bytes.length) ?? Buffer.alloc(bytes.length)
    bytes.copy(this.#bytes)
    wipe(bytes)
    this.#memory?.sodium_mprotect_noaccess(this.#bytes)
  }

  get wiped(): boolean {
    return this.#wiped
  }

  /**
   * Lends the bytes to `work`, read-only, until it returns or its promise settles. Reading them afterwards ends the process,
   * so `work` copies what it must keep.
   */
  use<Result>(work: (bytes: Buffer) => Result): Result {
    if (this.#wiped) throw new TypeError('The key has been wiped')
    this.#open()
    let result: Result
    try {
      result = work(this.#bytes)
    } catch (error) {
      this.#close()
      throw error
    }
    if (result instanceof Promise) return result.finally(() => this.#close()) as Result // the same promise, settled after closing
    this.#close()
    return result
  }

  /** A plain copy, for the caller to wipe. */
  copy(): Buffer {
    return this.use((bytes) => Buffer.from(bytes))
  }

  wipe(): void {
    if (this.#wiped) return
    this.#wiped = true
    this.#memory?.sodium_mprotect_readwrite(this.#bytes)
    if (this.#memory === null) wipe(this.#bytes)
    else this.#memory.sodium_memzero(this.#bytes)
    // A use under way keeps reading zeros; the last one closes the memory.
    if (this.#uses === 0) this.#memory?.sodium_mprotect_noaccess(this.#bytes)
  }

  #open(): void {
    this.#uses += 1
    if (this.#uses === 1) this.#memory?.sodium_mprotect_readonly(this.#bytes)
  }

  #close(): void {
    this.#uses -= 1
    if (this.#uses === 0) this.#memory?.sodium_mprotect_noaccess(this.#bytes)
  }
}
