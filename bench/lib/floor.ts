// The floor of this machine, measured in the same run: an HTTP server that does nothing but answer, and a loop that does nothing
// but flush.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, node } from './places.ts'
import { mkdirSync } from 'node:fs'
import { start, type Started } from './processes.ts'

/** Answers every request with as many bytes as a reveal of 1 KiB has. */
const echo = `
const body = Buffer.alloc(1500, 0x61)
require('node:http').createServer((request, response) => { response.writeHead(200, ['content-type', 'application/json', 'content-length', '1500']); response.end(body) }).listen({ port: Number(process.argv[1]), host: '127.0.0.1', reusePort: true }, () => console.log('ready'))
`

/** Several on one port share its connections, as workers do. */
export const startEcho = async (port: number, cores: string | undefined): Promise<Started> => {
  const started = start(node, ['-e', echo, String(port)], { cores })
  while (!started.output().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 20))
  return started
}

export interface FlushFigures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** One flush after the other, of 4 KiB in a preallocated file, on the disk that the repository is on. */
export const measureFlushes = (seconds: number): FlushFigures => {
  mkdirSync(cacheDirectory, { recursive: true })
  const folder = mkdtempSync(join(cacheDirectory, 'flush-'))
  const file = openSync(join(folder, 'file'), 'w')
  try {
    const size = 16 * 1024 * 1024
    writeSync(file, Buffer.alloc(size))
    fdatasyncSync(file)
    const block = Buffer.alloc(4096, 1)
    const times: number[] = []
    const until = performance.now() + seconds * 1000
    for (let at = 0; performance.now() < until; at = (at + block.length) % size) {
      const began = performance.now()
      writeSync(file, block, 0, block.length, at)
      fdatasyncSync(file)
      times.push(performance.now() - began)
    }
    times.sort((a, b) => a - b)
    return { perSecond: times.length / seconds, p50Ms: times[Math.floor(times.length / 2)] ?? 0, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 }
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
}
