/**
 * Randomness, all of it from the operating system's generator through OpenSSL. UUIDs are version 7 (RFC 9562) and rise
 * strictly within a process, so that rows and audit events sort in the order in which they were made.
 */
import { randomBytes as osRandomBytes, randomFillSync, randomInt as osRandomInt } from 'node:crypto'
import { encodeBase62 } from '../lib/base62.ts'
import { systemClock } from '../lib/clock.ts'
import { formatUuid } from '../lib/uuid.ts'

/** Fresh random bytes in memory of their own, so that wiping them touches nothing else. */
export function randomBytes(count: number): Buffer {
  return osRandomBytes(count)
}

/** A uniform integer with min ≤ n < max. */
export function randomInt(min: number, max: number): number {
  return osRandomInt(min, max)
}

/** Base62 text of `byteCount` random bytes. */
export function makeBase62(byteCount: number): string {
  return encodeBase62(osRandomBytes(byteCount))
}

/** `base`, moved at random by up to `fraction` of itself either way, so that timers of many nodes drift apart. */
export function jitter(base: number, fraction = 0.1): number {
  return base * (1 + fraction * ((osRandomInt(0, 2 ** 32) / 2 ** 31) - 1))
}

/**
 * Small requests to the generator cost a microsecond each, and every audit record needs an id; ids draw from a pool that is
 * filled in one call. Keys never do: what has been given out stays in the pool until the next fill.
 */
const pool = Buffer.alloc(4096)
let poolUsed = pool.length

function fromPool(count: number): Buffer {
  if (poolUsed + count > pool.length) {
    randomFillSync(pool)
    poolUsed = 0
  }
  poolUsed += count
  return pool.subarray(poolUsed - count, poolUsed)
}

/** A step back of the clock up to this keeps counting from the last id; a longer one is another time altogether. */
const ROLLBACK_MS = 10_000
let lastMs = 0
let counter = 0

/**
 * A UUIDv7. Within a millisecond the 12 bits after the time count up (RFC 9562, 6.2, method 1) from a random start
 * in their lower half; when they are used up, the time borrows a millisecond from the future.
 */
export function makeUuidV7(clockMs: number = systemClock.wall()): string {
  const random = fromPool(10)
  const nowMs = Math.floor(clockMs)
  if (nowMs > lastMs || nowMs < lastMs - ROLLBACK_MS) {
    lastMs = nowMs
    counter = random.readUInt16BE(0) & 0x7ff
  } else if (++counter > 0xfff) {
    lastMs++
    counter = random.readUInt16BE(0) & 0x7ff
  }
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeUIntBE(lastMs, 0, 6)
  bytes.writeUInt16BE(0x7000 | counter, 6)
  random.copy(bytes, 8, 2, 10)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return formatUuid(bytes)
}
