/**
 * Randomness, all of it from the operating system's generator through OpenSSL. UUIDs are version 7 (RFC 9562) and rise
 * strictly within a process, so that rows and audit events sort in the order in which they were made.
 */
import { randomBytes as osRandomBytes, randomFillSync, randomInt as osRandomInt, randomUUID as osRandomUuid } from 'node:crypto'
import { encodeBase62 } from '../lib/base62.ts'
import { systemClock } from '../lib/clock.ts'

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

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** So many base62 characters, each chosen for itself. */
export function makeBase62Text(length: number): string {
  return Array.from({ length }, () => BASE62[osRandomInt(0, BASE62.length)] ?? '').join('')
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

/** Where `count` fresh bytes of the pool begin. */
function drawFromPool(count: number): number {
  if (poolUsed + count > pool.length) {
    randomFillSync(pool)
    poolUsed = 0
  }
  poolUsed += count
  return poolUsed - count
}

/** Fresh random bytes that are no secret, such as an IV, written into `target`. */
export function fillNonce(target: Buffer, at: number, count: number): void {
  const from = drawFromPool(count)
  pool.copy(target, at, from, from + count)
}

/** A UUIDv4 (RFC 9562, 5.4): 122 random bits that say nothing of when it was made. For credentials in the form of a UUID. */
export function makeUuidV4(): string {
  return osRandomUuid({ disableEntropyCache: true })
}

/** A step back of the clock up to this keeps counting from the last id; a longer one is another time altogether. */
const ROLLBACK_MS = 10_000
let lastMs = 0
let counter = 0
/** The time's part of the text, which all ids of a millisecond share. */
let timeText = ''

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hexOf = (at: number): string => HEX[pool[at] ?? 0] ?? ''

function setTime(ms: number, startOfCounter: number): void {
  lastMs = ms
  counter = startOfCounter & 0x7ff
  const hex = ms.toString(16).padStart(12, '0')
  timeText = `${hex.slice(0, 8)}-${hex.slice(8)}-`
}

/**
 * A UUIDv7. Within a millisecond the 12 bits after the time count up (RFC 9562, 6.2, method 1) from a random start
 * in their lower half; when they are used up, the time borrows a millisecond from the future. Two are made for every request,
 * so the text is put together without bytes in between.
 */
export function makeUuidV7(clockMs: number = systemClock.wall()): string {
  const at = drawFromPool(10)
  const nowMs = Math.floor(clockMs)
  if (nowMs > lastMs || nowMs < lastMs - ROLLBACK_MS) setTime(nowMs, pool.readUInt16BE(at))
  else if (++counter > 0xfff) setTime(lastMs + 1, pool.readUInt16BE(at))
  const variant = HEX[0x80 | ((pool[at + 2] ?? 0) & 0x3f)] ?? ''
  return `${timeText}${(0x7000 | counter).toString(16)}-${variant}${hexOf(at + 3)}-${hexOf(at + 4)}${hexOf(at + 5)}${hexOf(at + 6)}${hexOf(at + 7)}${hexOf(at + 8)}${hexOf(at + 9)}`
}
