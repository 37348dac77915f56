// An external database behind a gate that a test can shut (connections refused and cut) or freeze (nothing passes, as
// when a cable is pulled). Both look to the server as a database that is gone.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedDatabase } from '../../packages/server/src/storage/embedded/database.ts'
import { Pool } from '../../packages/server/src/storage/pool.ts'
import { afterwards, type Scope } from './cleanup.ts'

export interface GatedDatabase {
  /** For `--database-url`. */
  readonly url: string
  readonly superuser: Pool
  shut(): Promise<void>
  freeze(): void
  open(): Promise<void>
}

export const startGatedDatabase = async (scope: Scope): Promise<GatedDatabase> => {
  // Short: a socket's path has at most 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'coffer-gate-'))
  chmodSync(folder, 0o711)
  afterwards(scope, () => rmSync(folder, { recursive: true, force: true }))
  const database = await startEmbeddedDatabase({ dataDirectory: join(folder, 'db'), log: () => undefined })
  afterwards(scope, () => database.stop())
  const { host, port, database: name, user } = database.connectionFor('postgres')
  const gate = new Gate(join(folder, `.s.PGSQL.${port}`), join(host, `.s.PGSQL.${port}`))
  await gate.open()
  afterwards(scope, () => gate.shut())
  const superuser = new Pool(database.connectionFor('postgres'), { max: 2 })
  afterwards(scope, () => superuser.close())
  return {
    url: `postgresql://${user}@localhost:${port}/${name}?host=${encodeURIComponent(folder)}`,
    superuser,
    shut: () => gate.shut(),
    freeze: () => gate.freeze(),
    open: () => gate.open(),
  }
}

class Gate {
  readonly #path: string
  readonly #target: string
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #frozen = false

  constructor(path: string, target: string) {
    this.#path = path
    this.#target = target
  }

  async open(): Promise<void> {
    // Connections that were frozen have lost their place in the conversation.
    if (this.#frozen) await this.shut()
    this.#frozen = false
    if (this.#server !== undefined) return
    const server = createServer((socket) => this.#pass(socket))
    this.#server = server
    rmSync(this.#path, { force: true })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#path, resolve))
  }

  async shut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  freeze(): void {
    this.#frozen = true
    for (const socket of this.#sockets) socket.pause()
  }

  #pass(inner: Socket): void {
    const outer = connect(this.#target)
    for (const socket of [inner, outer]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        inner.destroy()
        outer.destroy()
      })
    }
    inner.on('data', (chunk) => outer.write(chunk))
    outer.on('data', (chunk) => inner.write(chunk))
    if (this.#frozen) for (const socket of [inner, outer]) socket.pause()
  }
}
