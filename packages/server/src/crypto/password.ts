/**
 * Passwords are kept as Argon2id (RFC 9106) in PHC string format, with the parameters that OWASP's password storage cheat sheet names
 * first (19 MiB, 2 passes, 1 lane). The work runs off the event loop and few at a time, so that a flood of logins costs neither
 * memory without bound nor the requests of others.
 */
import { argon2 } from 'node:crypto'
import { promisify } from 'node:util'
import { BoundedQueue } from '../lib/bounded-queue.ts'
import { utf8, wipe } from '../lib/bytes.ts'
import { equalBytes } from './compare.ts'
import { randomBytes } from './random.ts'

const argon2Async = promisify(argon2)

interface Cost {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
}
interface StoredHash extends Cost {
  readonly salt: Buffer
  readonly tag: Buffer
}

const COST: Cost = Object.freeze({ memoryKib: 19_456, passes: 2, lanes: 1 })
/** Ceilings for hashes that were imported: a stored string must not be able to order gigabytes or minutes. */
const MOST: Cost = Object.freeze({ memoryKib: 262_144, passes: 16, lanes: 16 })
const SALT_BYTES = 16
const TAG_BYTES = 32
const MAX_PASSWORD_BYTES = 4096

/** One for the process, since what it guards is the process's memory and thread pool (four threads, shared with file I/O). */
const queue = new BoundedQueue({ concurrency: 2, maxWaiting: 128 })

/** Compared against when there is no such user, so that the answer takes as long; nobody's password hashes to zeros. */
const NOBODY: StoredHash = Object.freeze({ ...COST, salt: randomBytes(SALT_BYTES), tag: Buffer.alloc(TAG_BYTES) })

export class PasswordTooLong extends Error {
  readonly code = 'password_too_long'
  constructor() {
    super('A password has at most 4096 bytes')
  }
}

/** A PHC string to store. Throws `PasswordTooLong`, or `QueueFull` when too many are waiting. */
export async function hashPassword(password: string): Promise<string> {
  const bytes = passwordBytes(password)
  if (bytes === undefined) throw new PasswordTooLong()
  const salt = randomBytes(SALT_BYTES)
  const tag = await compute(bytes, COST, salt, TAG_BYTES)
  const cost = `m=${COST.memoryKib},t=${COST.passes},p=${COST.lanes}`
  return `$argon2id$v=19$${cost}$${unpadded(salt)}$${unpadded(tag)}`
}

/**
 * Whether the password is the one that was hashed. Without a hash (no such user), or with one that cannot be read, it does the same
 * work and answers false.
 */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const parsed = stored === undefined ? undefined : parsePhc(stored)
  const { salt, tag, ...cost } = parsed ?? NOBODY
  const bytes = passwordBytes(password)
  const computed = await compute(bytes ?? Buffer.alloc(1), cost, salt, tag.length)
  const same = equalBytes(computed, tag)
  wipe(computed)
  return same && parsed !== undefined && bytes !== undefined
}

/** True when the hash was made with other parameters than today's and should be replaced at the next login. */
export function passwordNeedsRehash(stored: string): boolean {
  const parsed = parsePhc(stored)
  return parsed === undefined || parsed.memoryKib !== COST.memoryKib || parsed.passes !== COST.passes
    || parsed.lanes !== COST.lanes || parsed.salt.length < SALT_BYTES || parsed.tag.length !== TAG_BYTES
}

/** NFC, as RFC 8265 (OpaqueString) has it: the same password typed on two keyboards gives the same bytes. */
function passwordBytes(password: string): Buffer | undefined {
  if (password.length > MAX_PASSWORD_BYTES) return undefined
  const bytes = utf8(password.normalize('NFC'))
  return bytes.length > MAX_PASSWORD_BYTES ? undefined : bytes
}

async function compute(message: Buffer, cost: Cost, nonce: Buffer, tagLength: number): Promise<Buffer> {
  try {
    return await queue.run(() => argon2Async('argon2id', {
      message, nonce, tagLength, parallelism: cost.lanes, memory: cost.memoryKib, passes: cost.passes,
    }))
  } finally {
    wipe(message)
  }
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/

function parsePhc(text: string): StoredHash | undefined {
  const match = PHC.exec(text)
  if (match === null) return undefined
  const [, memory, passes, lanes, salt = '', tag = ''] = match
  const cost: Cost = { memoryKib: Number(memory), passes: Number(passes), lanes: Number(lanes) }
  // RFC 9106, 3.1: at least 8 KiB a lane.
  if (cost.passes < 1 || cost.lanes < 1 || cost.memoryKib < 8 * cost.lanes) return undefined
  if (cost.memoryKib > MOST.memoryKib || cost.passes > MOST.passes || cost.lanes > MOST.lanes) return undefined
  return { ...cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
