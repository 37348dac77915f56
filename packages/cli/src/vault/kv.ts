// Key-value mounts: every version under its number. Nothing is ever written to the source, and a secret that is not the same
// at the target is never written over. A run that was cut short goes on where the target's versions end.

import { canonical, numberOf, recordOf, textOf } from './exact-json.ts'
import type { Data, VaultApi } from './api.ts'
import type { Progress } from './report.ts'

export interface KvMount {
  /** With a slash at its end. */
  readonly path: string
  readonly version: 1 | 2
  /** How many versions the target keeps of a secret that says nothing of it. */
  readonly keeps: number
}

/** Below this many lost versions before the first, numbers are kept by versions that are destroyed at once. */
const MOST_FILLERS = 200

/** Every secret below a mount, however deep. */
export const secretsOf = async (source: VaultApi, mount: KvMount, found: (path: string) => void): Promise<void> => {
  const base = mount.version === 2 ? `${mount.path}metadata` : mount.path.replace(/\/$/, '')
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await source.list(`${base}/${folder}`.replace(/\/$/, ''))) {
      if (name.endsWith('/')) folders.push(`${folder}${name}`)
      else found(`${folder}${name}`)
    }
  }
}

/** Why a path cannot be a secret's here; undefined: it can. */
export const pathProblem = (path: string): string | undefined => {
  if (Buffer.byteLength(path) > 512) return 'its path is longer than 512 bytes'
  if (path.normalize('NFC') !== path) return 'its path is not in Unicode\'s normal form C'
  if (/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(path)) return 'its path has control characters'
  const segments = path.split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return 'its path has an empty segment or dots'
  return segments.some((segment) => Buffer.byteLength(segment) > 255) ? 'a segment of its path is longer than 255 bytes' : undefined
}

export const copyV1 = async (from: VaultApi, to: VaultApi, mount: KvMount, path: string, progress: Progress): Promise<void> => {
  const at = `${mount.path}${path}`
  const value = await from.read(at)
  if (value === undefined) return
  const there = await to.read(at)
  if (there === undefined) {
    await to.write(at, value)
    progress.copied('secrets')
  } else if (canonical(there) === canonical(value)) progress.present('secrets')
  else progress.failed(at, 'another value is there; it was left as it is')
}

interface Version {
  readonly number: number
  readonly isReadable: boolean
}

interface History {
  readonly current: number
  readonly oldest: number
  readonly metadata: Data
  version(number: number): Version
}

const historyOf = (metadata: Data, now: number): History => {
  const versions = recordOf(metadata['versions'])
  const numbers = Object.keys(versions).map(Number)
  return {
    current: numberOf(metadata['current_version']),
    oldest: numbers.length === 0 ? 1 : Math.min(...numbers),
    metadata,
    version(number) {
      const { destroyed, deletion_time: deletedAt } = recordOf(versions[String(number)])
      const isDeleted = textOf(deletedAt) !== '' && Date.parse(textOf(deletedAt)) <= now
      return { number, isReadable: destroyed === false && !isDeleted }
    },
  }
}

const dataOf = async (api: VaultApi, mount: KvMount, path: string, number: number): Promise<unknown> => {
  const read = await api.read(`${mount.path}data/${path}?version=${number}`)
  return read?.['data'] ?? undefined
}

/** Whether what the target has is the beginning of what the source has. */
const isSame = async (from: VaultApi, to: VaultApi, { mount, path, history, reached, shift }: { readonly mount: KvMount; readonly path: string; readonly history: History; readonly reached: number; readonly shift: number }): Promise<boolean> => {
  if (reached + shift > history.current) return false
  if (!history.version(reached + shift).isReadable) return true
  const [ours, theirs] = await Promise.all([dataOf(from, mount, path, reached + shift), dataOf(to, mount, path, reached)])
  return canonical(ours) === canonical(theirs)
}

/** @param least how many versions must be kept, whatever the secret says; 0: what it says */
const settings = ({ max_versions: max, cas_required: cas, delete_version_after: after, custom_metadata: custom }: Data, least: number): Data => ({
  ...(numberOf(max) > 0 ? { max_versions: max } : least > 0 ? { max_versions: least } : {}),
  ...(cas === true ? { cas_required: true } : {}),
  ...(textOf(after) === '' || textOf(after) === '0s' ? {} : { delete_version_after: after }),
  ...(Object.keys(recordOf(custom)).length > 0 ? { custom_metadata: custom } : {}),
})

/** What a secret's own settings say, unless the target says the same. */
const copySettings = async (to: VaultApi, at: string, wanted: Data, present: Data): Promise<void> => {
  if (Object.keys(wanted).length > 0 && canonical(wanted) !== canonical(settings(present, 0))) await to.write(at, wanted)
}

export const copyV2 = async (from: VaultApi, to: VaultApi, mount: KvMount, path: string, progress: Progress): Promise<void> => {
  const at = `${mount.path}metadata/${path}`
  const metadata = await from.read(at)
  if (metadata === undefined) return
  const history = historyOf(metadata, Date.now())
  const present = (await to.read(at)) ?? {}
  const reached = numberOf(present['current_version'])
  const shift = history.oldest - 1 > MOST_FILLERS ? history.oldest - 1 : 0
  if (shift > 0) progress.failed(`${mount.path}${path}`, `versions are numbered from 1 instead of ${history.oldest}`)
  if (reached > 0 && !(await isSame(from, to, { mount, path, history, reached, shift }))) {
    progress.failed(`${mount.path}${path}`, 'another secret is there; it was left as it is')
    return
  }
  const count = history.current - shift
  const wanted = settings(metadata, count > mount.keeps ? count : 0)
  // Before the first version, or the target would drop the oldest while the newest arrive.
  await copySettings(to, at, wanted, present)
  for (let number = reached + 1; number + shift <= history.current; number++) {
    const value = history.version(number + shift).isReadable ? await dataOf(from, mount, path, number + shift) : undefined
    await to.write(`${mount.path}data/${path}`, { data: value ?? {}, options: { cas: number - 1 } })
    // Deleted and destroyed versions keep their number; their values cannot be read, so they cannot be restored here.
    if (value === undefined) await to.write(`${mount.path}destroy/${path}`, { versions: [number] })
  }
  if (reached + shift < history.current) progress.copied('secrets')
  else progress.present('secrets')
}
