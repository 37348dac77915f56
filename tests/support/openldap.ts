// A real OpenLDAP server on loopback, in a directory of its own, with people and groups of one company.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { afterwards, type Scope } from './cleanup.ts'
import { makeServerCertificate } from './certificate.ts'
import { scratchDirectory } from './server.ts'
import { until } from './wait.ts'

export interface OpenLdap {
  readonly address: string
  readonly tlsAddress: string
  /** PEM of whoever signed its certificate. */
  readonly authority: string
  readonly bindName: string
  readonly bindPassword: string
  readonly people: string
  readonly groups: string
  stop(): Promise<void>
}

const SUFFIX = 'dc=example,dc=org'
const BIND_PASSWORD = 'of the searcher'

/** Names in base64, so that LDIF takes every one. */
const entry = (dn: string, attributes: readonly (readonly [string, string])[]): string =>
  [`dn:: ${Buffer.from(dn).toString('base64')}`, ...attributes.map(([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}`), ''].join('\n')

export interface PersonEntry {
  readonly uid: string
  /** Of the first part of its name; RFC 4514, escaped. */
  readonly rdn: string
  readonly cn: string
  readonly password: string
  readonly mail?: string
}

export interface GroupEntry {
  readonly rdn: string
  readonly cn: string
  /** Distinguished names. */
  readonly members: readonly string[]
}

const ldif = (people: readonly PersonEntry[], groups: readonly GroupEntry[]): string => {
  const unit = (name: string): string => entry(`ou=${name},${SUFFIX}`, [['objectClass', 'organizationalUnit'], ['ou', name]])
  return [
    entry(SUFFIX, [['objectClass', 'dcObject'], ['objectClass', 'organization'], ['dc', 'example'], ['o', 'Example']]),
    unit('people'), unit('groups'),
    entry(`cn=searcher,${SUFFIX}`, [['objectClass', 'person'], ['cn', 'searcher'], ['sn', 'searcher'], ['userPassword', BIND_PASSWORD]]),
    ...people.map(({ uid, rdn, cn, password, mail }) => entry(`${rdn},ou=people,${SUFFIX}`, [['objectClass', 'inetOrgPerson'], ['uid', uid], ['cn', cn], ['sn', 'x'], ['userPassword', password], ...(mail === undefined ? [] : [['mail', mail] as const])])),
    ...groups.map(({ rdn, cn, members }) => entry(`${rdn},ou=groups,${SUFFIX}`, [['objectClass', 'groupOfNames'], ['cn', cn], ...members.map((member) => ['member', member] as const)])),
  ].join('\n')
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port')
  return address.port
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

const configuration = (folder: string): string => {
  const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`)
  return [
    ...schemas,
    'modulepath /usr/lib/ldap', 'moduleload back_mdb',
    `pidfile ${folder}/slapd.pid`,
    `TLSCertificateFile ${folder}/certificate.pem`, `TLSCertificateKeyFile ${folder}/key.pem`, `TLSCACertificateFile ${folder}/authority.pem`,
    // Empty passwords are let in without a check, as many directories do: the client must not rely on the server here.
    'allow bind_anon_cred bind_anon_dn',
    'database mdb', `suffix ${SUFFIX}`, `directory ${folder}/data`, 'maxsize 10485760',
    'access to attrs=userPassword by anonymous auth by * none',
    'access to * by * read',
    '',
  ].join('\n')
}

export const startOpenLdap = async (scope: Scope, people: readonly PersonEntry[], groups: readonly GroupEntry[]): Promise<OpenLdap> => {
  const slapd = process.env['COFFER_TEST_SLAPD']
  if (slapd === undefined) throw new Error('the runner says where slapd is')
  const folder = scratchDirectory(scope)
  const certificate = makeServerCertificate()
  mkdirSync(join(folder, 'data'))
  for (const [name, text] of [['slapd.conf', configuration(folder)], ['authority.pem', certificate.authority], ['certificate.pem', certificate.certificate], ['key.pem', certificate.key], ['people.ldif', ldif(people, groups)]] as const) writeFileSync(join(folder, name), text, { mode: 0o600 })
  execFileSync(slapd, ['-Tadd', '-f', join(folder, 'slapd.conf'), '-l', join(folder, 'people.ldif')], { stdio: 'pipe' })
  const [port, tlsPort] = [await freePort(), await freePort()]
  const child = spawn(slapd, ['-f', join(folder, 'slapd.conf'), '-h', `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tlsPort}`, '-d', '0'], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    child.kill('SIGTERM')
    await exited
  }
  afterwards(scope, stop)
  await until(async () => child.exitCode !== null || ((await isListening(port)) && (await isListening(tlsPort))), 'slapd listens')
  if (child.exitCode !== null) throw new Error(`slapd ended with ${child.exitCode}`)
  return {
    address: `ldap://127.0.0.1:${port}`, tlsAddress: `ldaps://127.0.0.1:${tlsPort}`, authority: certificate.authority,
    bindName: `cn=searcher,${SUFFIX}`, bindPassword: BIND_PASSWORD, people: `ou=people,${SUFFIX}`, groups: `ou=groups,${SUFFIX}`, stop,
  }
}
