// A sink that is neither the database nor a device: each record and each write's link is a line of a file. Lines may repeat after a crash.
import { appendFile } from 'node:fs/promises'
import type { ShippedFrame, Sink } from '../shipping/sink.ts'

export const fileSink = (path: string): Sink => ({
  name: 'file',
  timeoutMs: 10_000,
  deliver: ({ frames }) => appendFile(path, frames.flatMap(linesOf).map((line) => `${line}\n`).join('')),
})

const linesOf = ({ records, links }: ShippedFrame): readonly string[] => [...records.map(({ text }) => text), ...links.map(({ link, adopted }) => JSON.stringify({ id: link.id, adopted }))]
