// `database.url`. Parsed here and not by the driver, whose own parser takes file paths and defaults from the
// environment; an error names the parameter, never the URL, because it holds a password.

import { readFileSync } from 'node:fs'
import { fail } from '../kernel/errors.ts'
import type { ConnectionSettings } from './pool.ts'

const known = new Set(['host', 'sslmode', 'sslrootcert', 'application_name'])

/** TLS is verified by default off this machine; `sslmode=require` encrypts without verifying, `disable` turns it off. */
export const parseDatabaseUrl = (text: string): ConnectionSettings => {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw invalid('must look like postgresql://user@host:5432/database')
  for (const name of url.searchParams.keys()) {
    if (!known.has(name)) throw invalid(`has a parameter that is not supported (${name})`)
  }
  const host = url.searchParams.get('host') ?? decode(url.hostname) // as libpq has it: the parameter wins, for the directory of a socket
  const database = decode(url.pathname.slice(1))
  const user = decode(url.username)
  if (host === '' || database === '' || user === '') throw invalid('must name a host, a user and a database')
  const applicationName = url.searchParams.get('application_name')
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user,
    ...(url.password === '' ? {} : { password: decode(url.password) }),
    ...(applicationName === null ? {} : { applicationName }),
    tls: tlsOf(url, host),
  }
}

const tlsOf = (url: URL, host: string): NonNullable<ConnectionSettings['tls']> => {
  const local = host.startsWith('/') || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)
  const mode = url.searchParams.get('sslmode') ?? (local ? 'disable' : 'verify-full')
  const root = url.searchParams.get('sslrootcert')
  if (mode === 'disable') return false
  if (mode === 'require') return { rejectUnauthorized: false }
  if (mode !== 'verify-full') throw invalid('has an sslmode other than disable, require or verify-full')
  return { rejectUnauthorized: true, ...(root === null ? {} : { ca: readRoot(root) }) }
}

const readRoot = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw fail('invalid_request', 'storage.bad_database_url', 'The file that sslrootcert in database.url names cannot be read.', { cause, field: 'database.url' })
  }
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a bad percent escape')
  }
}

const invalid = (why: string) => fail('invalid_request', 'storage.bad_database_url', `database.url ${why}.`, { field: 'database.url' })
