// Directories for logins, over the LDAP client of ldapts. A directory serves one login: it is opened, asked a few questions within one
// deadline, and closed. It never connects a second time: that would be without StartTLS, and not bound as whoever asks believes.

import type { Socket } from 'node:net'
import { Client, FilterParser, ResultCodeError, type Entry } from 'ldapts'
import type { Directories, Directory, DirectoryEntry, DirectorySearch, DirectoryServer } from '../../kernel/auth/directory.ts'
import { fail } from '../../kernel/errors.ts'
import { connectTo, placeOf } from './connection.ts'

/** For all that one login asks. */
const DEADLINE_MS = 60_000

/** Results of a bind that say nothing of the name and password, but of the server (RFC 4511, appendix A.2). */
const NOT_OF_THE_PASSWORD: ReadonlySet<number> = new Set([1, 2, 3, 7, 8, 10, 11, 12, 13, 14, 51, 52, 80])
const NO_SUCH_OBJECT = 32

const dereferences = { never: 'never', finding: 'find', searching: 'search', always: 'always' } as const

const failed = (where: string, why: string, cause: unknown): Error => fail('upstream_failed', 'directory.failed', `The directory ${where} ${why}.`, { cause })

const buffersOf = (value: Entry[string]): readonly Buffer[] => [value].flat().map((each) => (typeof each === 'string' ? Buffer.from(each) : each))

const entryOf = ({ dn, ...attributes }: Entry): DirectoryEntry => ({ dn, attributes: new Map(Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), buffersOf(value)])) })

const whyOf = (error: unknown): string => (error instanceof ResultCodeError ? `answered with result ${error.code}` : 'did not answer as it should')

const searching = async (client: Client, where: string, wanted: DirectorySearch): Promise<readonly DirectoryEntry[] | undefined> => {
  let entries: readonly Entry[]
  try {
    const result = await client.search(wanted.base, {
      scope: wanted.scope,
      filter: wanted.filter,
      attributes: [...wanted.attributes],
      derefAliases: dereferences[wanted.dereference],
      sizeLimit: wanted.most + 1,
      ...(wanted.pageSize === 0 ? {} : { paged: { pageSize: wanted.pageSize } }),
    })
    entries = result.searchEntries
  } catch (error) {
    if (error instanceof ResultCodeError && error.code === NO_SUCH_OBJECT) return undefined
    throw failed(where, whyOf(error), error)
  }
  if (entries.length > wanted.most) throw failed(where, `found more than ${wanted.most} entries`, undefined)
  return entries.map(entryOf)
}

const open = async (address: string, server: DirectoryServer): Promise<Directory> => {
  const { host, port } = placeOf(address)
  const where = `${host}:${port}`
  const connection = await connectTo(address, server)
  let taken = false
  const createConnection = (): Socket => {
    if (taken) throw new Error('the connection is gone')
    taken = true
    return connection as unknown as Socket // of a socket the client uses what every stream has, and the two properties that say that it is open
  }
  const client = new Client({ url: `ldap://${host.includes(':') ? `[${host}]` : host}:${port}`, timeout: server.timeoutMs, createConnection })
  const deadline = setTimeout(() => connection.destroy(new Error('it took too long')), DEADLINE_MS)
  const close = (): void => {
    clearTimeout(deadline)
    // The client only logs what fails here; the connection goes either way.
    void client.unbind().catch(() => {}).finally(() => connection.destroy())
  }
  return {
    async bind(name, password) {
      if (password === '') return false
      try {
        await client.bind(name, password)
        return true
      } catch (error) {
        if (error instanceof ResultCodeError && !NOT_OF_THE_PASSWORD.has(error.code)) return false
        throw failed(where, whyOf(error), error)
      }
    },
    async bindAnonymously() {
      try {
        await client.bind('', '')
      } catch (error) {
        throw failed(where, whyOf(error), error)
      }
    },
    search: (wanted) => searching(client, where, wanted),
    close,
  }
}

export const makeDirectories = (): Directories => ({
  async open(server) {
    let last: unknown
    for (const address of server.urls) {
      try {
        return await open(address, server)
      } catch (error) {
        last = error
      }
    }
    const why = last instanceof Error && last.message !== '' ? ` (${last.message.slice(0, 200)})` : ''
    throw fail('upstream_failed', 'directory.unreachable', `No directory could be reached${why}.`, { cause: last })
  },
  filterFault(filter) {
    try {
      FilterParser.parseString(filter)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message.slice(0, 200) : 'it cannot be read'
    }
  },
})
