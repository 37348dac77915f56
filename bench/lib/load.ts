// Offers load from a core of its own.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { node } from './places.ts'
import { clientCores } from './machine.ts'
import type { LoadOrder } from './load-process.ts'
import type { Latencies } from './raw-client.ts'

export const load = (order: LoadOrder): Promise<Latencies> =>
  new Promise((resolve, reject) => {
    const command = clientCores === undefined ? [node] : ['taskset', '-c', clientCores, node]
    const child = spawn(command[0] ?? node, [...command.slice(1), join(import.meta.dirname, 'load-process.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Latencies) // what load-process.ts wrote
      else reject(new Error(`the load generator ended with ${code}`))
    })
    child.stdin.end(JSON.stringify(order))
  })
