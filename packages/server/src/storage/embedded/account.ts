// Which operating system account runs the embedded PostgreSQL. PostgreSQL refuses to run as root, so root
// lends it an unprivileged account; everybody else runs it as themselves.

import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { fail } from '../../kernel/errors.ts'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** True when it is not the server's own account, so that files must be made reachable for it. */
  readonly separate: boolean
}

/** Accounts that root may lend, best first. Both must exist in passwd: initdb and peer authentication look the uid up. */
const lendable = ['postgres', 'nobody']

/** The account for the database, and the name under which the server itself will be seen by peer authentication. */
export const findAccounts = async (passwdFile = '/etc/passwd'): Promise<{ server: string; database: Account }> => {
  const server = ownName()
  if (process.getuid?.() !== 0) {
    return { server, database: { name: server, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, separate: false } }
  }
  const entries = parsePasswd(await readFile(passwdFile, 'utf8'))
  for (const name of lendable) {
    const entry = entries.get(name)
    if (entry !== undefined && entry.uid > 0) return { server, database: { name, ...entry, separate: true } }
  }
  throw fail('unavailable', 'storage.no_account', 'PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to lend it. Run the server as another user, or set database.url.')
}

const ownName = (): string => {
  let name: string
  try {
    name = userInfo().username
  } catch (cause) {
    throw fail('unavailable', 'storage.no_account', 'The user that runs the server has no entry in passwd, which PostgreSQL needs. Add one, or set database.url.', { cause })
  }
  if (!/^[^\s"'/,+\\][^\s"',\\]*$/.test(name)) throw fail('unavailable', 'storage.no_account', 'The name of the user that runs the server cannot be written into pg_ident.conf. Set database.url.')
  return name
}

const parsePasswd = (text: string): Map<string, { uid: number; gid: number }> => {
  const entries = new Map<string, { uid: number; gid: number }>()
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name !== undefined && gid !== undefined && !entries.has(name)) entries.set(name, { uid: Number(uid), gid: Number(gid) })
  }
  return entries
}
