// Signed checkpoints: every ten seconds, and at close, the stream's head (stream, seq, hash) signed with Ed25519. They
// travel as items of the stream itself, so that every sink gets them; what a checkpoint that has left the machine
// covers cannot be cut off unseen, not even by who holds the chain key.
import { sign, verify, type SigningKey, type VerifyKey } from '../../crypto/sign.ts'
import { lengthPrefixed, u64be, utf8 } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import { formatUuid, parseUuid } from '../../lib/uuid.ts'
import type { AuditSpool, ChainHead } from './spool/spool.ts'

export interface Checkpoint {
  readonly stream: string
  readonly seq: number
  /** Tag of frame `seq`. */
  readonly hash: Buffer
  readonly at: number
  readonly keyId: string
  readonly signature: Buffer
}

export interface CheckpointSigner {
  readonly keyId: string
  readonly key: SigningKey
}

const format = 0x01
const context = utf8('coffer/audit-checkpoint/1')
const fixedBytes = 66 // format, stream, seq, hash, at, length of the key id

export const signCheckpoint = (facts: Pick<Checkpoint, 'stream' | 'seq' | 'hash' | 'at'>, signer: CheckpointSigner): Checkpoint => {
  const unsigned = { stream: facts.stream, seq: facts.seq, hash: Buffer.from(facts.hash), at: facts.at, keyId: signer.keyId }
  return { ...unsigned, signature: sign(signer.key, message(unsigned)) }
}

export const isSignedBy = (checkpoint: Checkpoint, key: VerifyKey): boolean => verify(key, message(checkpoint), checkpoint.signature)

const message = (checkpoint: Omit<Checkpoint, 'signature'>): Buffer =>
  lengthPrefixed(context, streamBytes(checkpoint.stream), u64be(checkpoint.seq), checkpoint.hash, u64be(checkpoint.at), utf8(checkpoint.keyId))

const streamBytes = (stream: string): Buffer => {
  const bytes = parseUuid(stream)
  if (bytes === undefined) throw new RangeError('A stream is named by a UUID')
  return bytes
}

/** The item's bytes, frozen in docs/formats/audit-checkpoint.md. */
export const encodeCheckpoint = (checkpoint: Checkpoint): Buffer => {
  const keyId = utf8(checkpoint.keyId)
  if (keyId.length > 255) throw new RangeError('The name of a checkpoint key is at most 255 bytes')
  return Buffer.concat([
    Buffer.of(format), streamBytes(checkpoint.stream), u64be(checkpoint.seq), checkpoint.hash, u64be(checkpoint.at), Buffer.of(keyId.length), keyId, checkpoint.signature,
  ])
}

/** Undefined when the bytes are no checkpoint of a known format. */
export const decodeCheckpoint = (bytes: Buffer): Checkpoint | undefined => {
  if (bytes.length < fixedBytes || bytes[0] !== format) return undefined
  const keyEnd = fixedBytes + bytes.readUInt8(fixedBytes - 1)
  const seq = Number(bytes.readBigUInt64BE(17))
  const at = Number(bytes.readBigUInt64BE(57))
  if (bytes.length !== keyEnd + 64 || !Number.isSafeInteger(seq) || !Number.isSafeInteger(at)) return undefined
  return {
    stream: formatUuid(bytes.subarray(1, 17)), seq, hash: bytes.subarray(25, 57), at,
    keyId: bytes.toString('utf8', fixedBytes, keyEnd), signature: bytes.subarray(keyEnd),
  }
}

/** Signs a stream's head as long as the stream grows. */
export class Checkpointer {
  readonly #spool: AuditSpool
  readonly #signer: CheckpointSigner
  readonly #clock: Clock
  #timer: NodeJS.Timeout | undefined
  #covered = -1

  constructor(spool: AuditSpool, signer: CheckpointSigner, clock: Clock) {
    this.#spool = spool
    this.#signer = signer
    this.#clock = clock
  }

  start(everyMs = 10_000): void {
    this.#timer = setInterval(() => this.checkpoint(), everyMs)
    this.#timer.unref()
  }

  /** One checkpoint now, unless nothing but the last checkpoint itself was added since. */
  checkpoint(onDurable: (error: Error | undefined) => void = () => undefined): boolean {
    const { records } = this.#spool.counters
    if (!this.#spool.available || records <= this.#covered) return false
    this.#covered = records + 1
    this.#spool.appendCheckpoint(this.#sign(this.#spool.head), (error) => {
      // A checkpoint that failed covers nothing; the next tick signs again.
      if (error !== undefined) this.#covered = -1
      onDurable(error)
    })
    return true
  }

  /** Ends the stream in order, with a last checkpoint over everything acknowledged. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#spool.close((head) => this.#sign(head))
  }

  #sign(head: ChainHead): Buffer {
    return encodeCheckpoint(signCheckpoint({ stream: this.#spool.identity.stream, seq: head.seq, hash: head.hash, at: this.#clock.wall() }, this.#signer))
  }
}
