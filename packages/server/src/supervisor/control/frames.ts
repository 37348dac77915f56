// The framing of the control channel: type (1 byte), length (u32, big-endian), payload. Each payload arrives in memory of
// its own, and what a read left in the stream's buffer is overwritten, so that a key is in one place and can be wiped there.

const headBytes = 5
/** Metrics of a busy worker are the largest thing that crosses. */
export const maxFrameBytes: number = 8 * 1024 * 1024

export class FrameError extends Error {
  readonly code = 'bad_frame'
}

export type OnFrame = (type: number, payload: Buffer) => void

export const encodeHead = (type: number, length: number): Buffer => {
  if (length > maxFrameBytes) throw new FrameError('The frame is too long')
  const head = Buffer.alloc(headBytes)
  head.writeUInt8(type, 0)
  head.writeUInt32BE(length, 1)
  return head
}

/** Cuts a stream of bytes into frames, however the bytes arrive. */
export class FrameReader {
  readonly #onFrame: OnFrame
  readonly #head = Buffer.alloc(headBytes)
  #headUsed = 0
  #payload: Buffer | undefined
  #payloadUsed = 0

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** Takes the chunk over and overwrites it. Throws `FrameError` when the other side does not speak this protocol. */
  push(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length; ) at += this.#payload === undefined ? this.#takeHead(chunk.subarray(at)) : this.#takePayload(this.#payload, chunk.subarray(at))
    } finally {
      chunk.fill(0)
    }
  }

  #takeHead(bytes: Buffer): number {
    const taken = bytes.copy(this.#head, this.#headUsed)
    this.#headUsed += taken
    if (this.#headUsed < headBytes) return taken
    const length = this.#head.readUInt32BE(1)
    if (length > maxFrameBytes) throw new FrameError('A frame announces more than any message has')
    // Not from the shared pool: wiping this must touch nothing else, and nothing else may share its memory.
    this.#payload = Buffer.alloc(length)
    this.#payloadUsed = 0
    if (length === 0) this.#finish(this.#payload)
    return taken
  }

  #takePayload(payload: Buffer, bytes: Buffer): number {
    const taken = bytes.copy(payload, this.#payloadUsed)
    this.#payloadUsed += taken
    if (this.#payloadUsed === payload.length) this.#finish(payload)
    return taken
  }

  #finish(payload: Buffer): void {
    this.#payload = undefined
    this.#headUsed = 0
    this.#onFrame(this.#head.readUInt8(0), payload)
  }
}
