// Who somebody is in the directory: the name is found or made, the password is tried under it, and the groups are read. Nothing is
// believed before the directory has taken the password.

import { INVALID_CREDENTIALS } from '../../kernel/auth/method.ts'
import type { Directory, DirectoryEntry, DirectorySearch } from '../../kernel/auth/directory.ts'
import { fail } from '../../kernel/errors.ts'
import { escapeFilter, escapeName, formatSid, parseName, partOf, render } from './names.ts'
import type { Config } from './records.ts'

export interface Found {
  /** Distinguished name. */
  readonly name: string
  readonly attributes: DirectoryEntry['attributes']
  readonly groups: readonly string[]
}

const MOST_GROUPS = 5000
const ANYTHING = '(objectClass=*)'

export const refused = (): Error => fail('invalid_request', INVALID_CREDENTIALS, 'invalid credentials')
const broken = (message: string): Error => fail('upstream_failed', 'ldap.directory', message)

const searchesAsService = (config: Config): boolean => config.bindName !== '' && config.bindPassword !== ''

const query = (config: Config, wanted: Pick<DirectorySearch, 'base' | 'scope' | 'filter' | 'attributes' | 'most'>): DirectorySearch => ({ ...wanted, dereference: config.dereference, pageSize: 0 })

const bindService = async (directory: Directory, config: Config): Promise<void> => {
  if (!searchesAsService(config)) await directory.bindAnonymously()
  else if (!(await directory.bind(config.bindName, config.bindPassword))) throw broken('The directory refused binddn and bindpass.')
}

/** The one entry that a filter finds. */
const onlyOne = async (directory: Directory, config: Config, filter: string): Promise<DirectoryEntry | undefined> => {
  const entries = await directory.search(query(config, { base: config.userBase, scope: 'sub', filter, attributes: ['1.1'], most: 1000 }))
  if (entries === undefined) throw broken('The directory has no entry at userdn.')
  return entries.length === 1 ? entries[0] : undefined
}

const userFilter = (config: Config, username: string): string => {
  const template = config.userFilter === '' ? '({{.UserAttr}}={{.Username}})' : config.userFilter
  if (config.upnDomain === '') return render(template, { UserAttr: config.userAttribute, Username: escapeFilter(username) })
  return render(template, { UserAttr: 'userPrincipalName', Username: `${escapeFilter(username)}@${config.upnDomain}` })
}

/** The name that the password is tried under, made from the name at login. */
const madeName = (config: Config, username: string): string => (config.upnDomain === '' ? `${config.userAttribute}=${escapeName(username)}${config.userBase === '' ? '' : `,${config.userBase}`}` : `${escapeName(username)}@${config.upnDomain}`)

const upnFilter = (config: Config, username: string): string => {
  const byPrincipal = `(userPrincipalName=${escapeFilter(username)}@${config.upnDomain})`
  return config.samAccountNames ? `(|${byPrincipal}(sAMAccountName=${escapeFilter(username)}))` : byPrincipal
}

/** The distinguished name of somebody whose password the directory has taken. @throws invalid_request for anybody else */
const authenticated = async (directory: Directory, config: Config, username: string, password: string): Promise<string> => {
  const made = madeName(config, username)
  let bindName = made
  let isKnown = true
  if (config.discover || searchesAsService(config)) {
    await bindService(directory, config)
    const entry = await onlyOne(directory, config, userFilter(config, username))
    isKnown = entry !== undefined
    bindName = entry?.dn ?? made
  }
  // Somebody who is not there is tried all the same: the time says nothing about who there is. Whatever the answer, it is no.
  if (!(await directory.bind(bindName, password)) || !isKnown || bindName === '') throw refused()
  if (searchesAsService(config)) await bindService(directory, config)
  if (config.upnDomain === '') return bindName
  const entry = await onlyOne(directory, config, upnFilter(config, username))
  if (entry === undefined) throw refused()
  return entry.dn
}

const nameOfGroup = (text: string): string => partOf(parseName(text), 'cn') ?? text

const tokenGroups = async (directory: Directory, config: Config, user: string): Promise<readonly DirectoryEntry[]> => {
  const [entry] = (await directory.search(query(config, { base: user, scope: 'base', filter: ANYTHING, attributes: ['tokenGroups'], most: 1 }))) ?? []
  const sids = (entry?.attributes.get('tokengroups') ?? []).map(formatSid)
  if (sids.length > MOST_GROUPS) throw broken(`The directory has more than ${MOST_GROUPS} groups for one user.`)
  const found: DirectoryEntry[] = []
  for (const sid of sids) {
    if (sid === undefined) continue
    found.push(...((await directory.search(query(config, { base: `<SID=${sid}>`, scope: 'base', filter: ANYTHING, attributes: ['1.1'], most: 1 }))) ?? []))
  }
  return found
}

const filteredGroups = async (directory: Directory, config: Config, user: string, username: string): Promise<readonly DirectoryEntry[]> => {
  if (config.groupFilter === '' || config.groupBase === '') return []
  const filter = render(config.groupFilter, { UserDN: escapeFilter(user), Username: escapeFilter(username) })
  return (await directory.search({ base: config.groupBase, scope: 'sub', filter, attributes: [config.groupAttribute], dereference: config.dereference, pageSize: config.pageSize, most: MOST_GROUPS })) ?? []
}

const groupsOf = async (directory: Directory, config: Config, user: string, username: string): Promise<readonly string[]> => {
  if (config.anonymousGroupSearch) await directory.bindAnonymously()
  const entries = config.useTokenGroups ? await tokenGroups(directory, config, user) : await filteredGroups(directory, config, user, username)
  const names = entries.flatMap(({ dn, attributes }) => {
    const values = attributes.get(config.groupAttribute.toLowerCase()) ?? []
    return values.length === 0 ? [nameOfGroup(dn)] : values.map((each) => nameOfGroup(each.toString('utf8')))
  })
  if (names.length > MOST_GROUPS) throw broken(`The directory has more than ${MOST_GROUPS} groups for one user.`)
  return [...new Set(names)].filter((each) => each !== '')
}

/** @throws invalid_request when the directory does not take the password, upstream_failed when it does not answer as it should */
export const findUser = async (directory: Directory, config: Config, username: string, password: string): Promise<Found> => {
  const name = await authenticated(directory, config, username, password)
  const [entry] = (await directory.search(query(config, { base: name, scope: 'base', filter: ANYTHING, attributes: [config.userAttribute], most: 1 }))) ?? []
  if (entry === undefined) throw broken('The directory does not show the entry of a user whose password it took.')
  return { name, attributes: entry.attributes, groups: await groupsOf(directory, config, name, username) }
}
