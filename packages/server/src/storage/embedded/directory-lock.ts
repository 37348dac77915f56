// One server per database directory, by a lock that the kernel releases when its holder dies, however it dies:
// a listening Unix socket in the directory. Whoever wants the lock listens first and then looks for others; of
// two that come at once, at least the later one to listen sees the other. Works across containers that share
// the directory and the kernel, where process ids mean nothing.

import { open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { platform } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../../kernel/errors.ts'

export interface DirectoryLock {
  release(): Promise<void>
}

type State = 'contending' | 'holding'

const socketName = /^lock-[0-9]+-[0-9a-z]+\.sock$/
const attempts = 8

/** Takes the lock or fails with `conflict`, naming the process that holds it. */
export const lockDirectory = async (directory: string): Promise<DirectoryLock> => {
  const handle = await open(directory, 'r')
  // A socket's path is at most 107 bytes; through the open directory it is short however deep the directory lies.
  const prefix = platform === 'linux' ? `/proc/self/fd/${handle.fd}` : directory
  try {
    for (let attempt = 1; ; attempt += 1) {
      const lock = await contend(prefix, handle)
      if (typeof lock !== 'string') return lock
      if (!lock.startsWith('contending') || attempt === attempts) throw inUse(directory, lock.split(' ')[1])
      // Both may have stood back for each other. Different process ids wait differently long.
      await sleep(20 + ((process.pid * 37 * attempt) % 200))
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

const inUse = (directory: string, pid: string | undefined) =>
  fail('conflict', 'storage.directory_in_use', `Another server${pid === undefined ? '' : ` (process ${pid})`} is using the database in ${directory}. Stop it first, or use another data directory.`)

/** The lock, or the answer of the one who has it. */
const contend = async (prefix: string, handle: FileHandle): Promise<DirectoryLock | string> => {
  const mine = `lock-${process.pid}-${process.hrtime.bigint().toString(36)}.sock`
  let state: State = 'contending'
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(`${state} ${process.pid}`)
  })
  await listen(server, join(prefix, mine))
  const stale: string[] = []
  for (const name of await readdir(prefix)) {
    if (!socketName.test(name) || name === mine) continue
    const answer = await ask(join(prefix, name))
    if (answer !== undefined) {
      await close(server)
      return answer
    }
    stale.push(name)
  }
  state = 'holding'
  // Only the holder removes dead sockets: one that is bound but not yet listening looks dead, and its owner will see us.
  for (const name of stale) await unlink(join(prefix, name)).catch(() => undefined)
  return {
    async release() {
      await close(server)
      await handle.close()
    },
  }
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: 16 }, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      server.unref()
      resolve()
    })
  })

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

/** What the owner of a socket says; undefined when nobody listens. A busy owner that does not answer in time counts as holding. */
const ask = (path: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = createConnection({ path })
    socket.setTimeout(2_000, () => settle('holding'))
    const settle = (result: string | undefined): void => {
      socket.destroy()
      resolve(result)
    }
    socket.on('data', (chunk) => (answer += chunk.toString('utf8')))
    socket.on('end', () => settle(answer === '' ? 'holding' : answer))
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? undefined : 'holding'))
  })
