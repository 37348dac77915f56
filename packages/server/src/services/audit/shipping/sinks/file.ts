// A file of JSON lines for whatever collects logs: each record as it is, and the signed checkpoints between them, so
// that the file is evidence outside the database. Lines may repeat after a crash (at least once); ids tell.
// Rotation: rename the file, then `reopen`.
import { open, type FileHandle } from 'node:fs/promises'
import type { Batch, ShippedFrame, Sink } from '../sink.ts'

export interface FileSink extends Sink {
  /** Closes the file and opens its path anew, after it was renamed. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export const fileSink = (path: string, options: { readonly name?: string; readonly timeoutMs?: number } = {}): FileSink => {
  let opened: Promise<FileHandle> | undefined
  const handle = (): Promise<FileHandle> => {
    // A failed attempt must not be remembered: the directory may appear later.
    opened ??= open(path, 'a', 0o600).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const close = async (): Promise<void> => {
    const previous = opened
    opened = undefined
    await (await previous?.catch(() => undefined))?.close()
  }
  return {
    name: options.name ?? 'file',
    timeoutMs: options.timeoutMs ?? 10_000,
    deliver: async (batch) => {
      const file = await handle()
      const text = linesOf(batch).join('')
      if (text === '') return
      await file.appendFile(text)
      await file.datasync()
    },
    reopen: close,
    close,
  }
}

const linesOf = ({ stream, frames }: Batch): readonly string[] =>
  frames.flatMap((frame) => [...recordLines(frame), ...frame.checkpoints.map((checkpoint) => `${JSON.stringify({
    eventType: 'AUDIT_CHECKPOINT', createdAt: new Date(checkpoint.at).toISOString(), node: stream.node, slot: stream.slot, stream: checkpoint.stream, seq: checkpoint.seq,
    hash: checkpoint.hash.toString('hex'), keyId: checkpoint.keyId, signature: checkpoint.signature.toString('base64'),
  })}\n`)])

/** A link without its record (adopted after a crash) shows at least that a write happened, and its digest. */
const recordLines = (frame: ShippedFrame): readonly string[] => [
  ...frame.records.map(({ text }) => `${text}\n`),
  ...frame.links.map(({ link, adopted }) => link.record !== undefined ? `${link.record}\n` : `${JSON.stringify({
    eventType: 'AUDIT_LINK', id: link.id, createdAt: new Date(link.at).toISOString(), tenantId: link.orgId, digest: Buffer.from(link.digest).toString('hex'), adopted,
  })}\n`),
]
