// Policies of teams and users.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { Collection, SealedView } from '../../kernel/ports/sealed-store.ts'
import { deleteTeam, deleteUser, listTeams, listUsers, readTeam, readTeams, readUser, readUsers, writeTeam, writeUser } from './operations.ts'
import { DEFAULT_KEY, teams, users, type Mapping } from './records.ts'

const none = (): Error => fail('not_found', 'github.no_mapping', 'There is no such mapping.')

export const mappingOperations = (parts: AuthParts): readonly Implemented[] => {
  const [ofTeams, ofUsers] = [roleBook(parts, { records: teams, path: 'map/teams', none }), roleBook(parts, { records: users, path: 'map/users', none })]
  const made = (value: string | undefined) => (before: Mapping | undefined, uid: string): Mapping => ({ v: 1, uid, value: value ?? before?.value ?? '' })
  return implement({ listTeams, readTeams, readTeam, writeTeam, deleteTeam, listUsers, readUsers, readUser, writeUser, deleteUser }, {
    listTeams: ofTeams.list,
    readTeams: ofTeams.list,
    readTeam: async (input, call) => ({ key: roleKey(input.key), value: (await ofTeams.read(input.key, call)).value }),
    writeTeam: (input, call) => ofTeams.write(input.key, call, made(input.value)),
    deleteTeam: (input, call) => ofTeams.delete(input.key, call),
    listUsers: ofUsers.list,
    readUsers: ofUsers.list,
    readUser: async (input, call) => ({ key: roleKey(input.key), value: (await ofUsers.read(input.key, call)).value }),
    writeUser: (input, call) => ofUsers.write(input.key, call, made(input.value)),
    deleteUser: (input, call) => ofUsers.delete(input.key, call),
  })
}

const policiesIn = async (view: SealedView, mappings: Collection<Mapping>, names: readonly string[]): Promise<readonly string[]> => {
  const known = new Set(await mappings.names(view))
  const keys = [...new Set([DEFAULT_KEY, ...names].map(roleKey))].filter((each) => known.has(each))
  const found = await Promise.all(keys.map((key) => roleOfLogin(mappings, view, key)))
  return found.flatMap((each) => each?.value.split(',') ?? [])
}

/** What teams and user have together. */
export const policiesOf = async (view: SealedView, teamNames: readonly string[], user: string): Promise<readonly string[]> =>
  [...(await policiesIn(view, teams, teamNames)), ...(await policiesIn(view, users, [user]))]
