// Offers load from a core of its own.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { node } from '../places.ts'
import { clientCores } from '../machine.ts'
import type { LoadOrder } from './load-process.ts'
import type { Latencies } from './raw-client.ts'
import type { StormOrder, StormResult } from './storm-process.ts'

const run = (program: string, cores: string | undefined, order: object): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const command = cores === undefined ? [node] : ['taskset', '-c', cores, node]
    const child = spawn(command[0] ?? node, [...command.slice(1), join(import.meta.dirname, program)], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text))
      else reject(new Error(`the load generator ended with ${code}`))
    })
    child.stdin.end(JSON.stringify(order))
  })

/** @param order.cores those that the server does not have, when absent */
export const load = async ({ cores = clientCores, ...order }: LoadOrder & { readonly cores?: string }): Promise<Latencies> => (await run('load-process.ts', cores, order)) as Latencies // what it writes

/** On whatever core is free. */
export const offerStorm = async (order: StormOrder): Promise<StormResult> => (await run('storm-process.ts', undefined, order)) as StormResult // what it writes
