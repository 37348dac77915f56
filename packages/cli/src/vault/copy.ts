// Carries an inventory from one end to the other. Everything that is there already is left, so that a run can be repeated.

import type { Data } from './api.ts'
import { attempt, type Ends } from './ends.ts'
import { numberOf, recordOf, textOf } from './exact-json.ts'
import { copyV1, copyV2 } from './kv.ts'
import { shapeOf } from './methods.ts'
import { each } from './report.ts'
import type { Inventory, SourceMount } from './survey.ts'
import { copyIdentity } from './identity.ts'

const tuning = (row: Data): Data => {
  const { default_lease_ttl: usual, max_lease_ttl: longest, listing_visibility: visibility, token_type: type } = recordOf(row['config'])
  return {
    ...(numberOf(usual) > 0 ? { default_lease_ttl: `${numberOf(usual)}s` } : {}),
    ...(numberOf(longest) > 0 ? { max_lease_ttl: `${numberOf(longest)}s` } : {}),
    ...(textOf(visibility) === '' ? {} : { listing_visibility: visibility }),
    ...(textOf(type) === '' || textOf(type) === 'default-service' ? {} : { token_type: type }),
  }
}

/** Makes a mount unless one of the same type is there. False: another one is in the way. */
const ensureMount = async ({ to, progress }: Ends, base: 'sys/mounts' | 'sys/auth', { path, type, row }: SourceMount): Promise<boolean> => {
  const bare = path.replace(/\/$/, '')
  const there = recordOf((await to.read(base))?.[path])
  const kind = base === 'sys/auth' ? 'auth methods' : 'mounts'
  if (there['type'] === undefined) {
    const options = row['options']
    await to.write(`${base}/${bare}`, { type: type === 'generic' ? 'kv' : type, description: textOf(row['description']), config: tuning(row), ...(options === null || options === undefined ? {} : { options }) })
    progress.copied(kind)
    return true
  }
  if (there['type'] !== type || textOf(recordOf(there['options'])['version']) !== textOf(recordOf(row['options'])['version'])) {
    progress.failed(`${kind === 'mounts' ? 'mount' : 'auth method'} ${path}`, 'another kind is at this path')
    return false
  }
  progress.present(kind)
  return true
}

const copySecrets = async (ends: Ends, { mount, row, secrets }: Inventory['kv'][number]): Promise<void> => {
  const { from, to, progress } = ends
  if (!(await ensureMount(ends, 'sys/mounts', { path: mount.path, type: 'kv', row }))) return
  if (mount.version === 2) {
    const config = recordOf(await from.read(`${mount.path}config`))
    if (numberOf(config['max_versions']) > 0 || config['cas_required'] === true || !['', '0s'].includes(textOf(config['delete_version_after']))) await to.write(`${mount.path}config`, config)
  }
  await each(secrets, (path) => attempt(ends, `secret ${mount.path}${path}`, () => (mount.version === 2 ? copyV2 : copyV1)(from, to, mount, path, progress)))
}

/** As it was read, without what only says what the server made of it. */
const writable = (data: Data): Data => Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null))

const copyOne = async ({ from, to, progress }: Ends, path: string, kind: string): Promise<void> => {
  const value = await from.read(path)
  if (value === undefined) return
  if ((await to.read(path)) !== undefined) {
    progress.present(kind)
    return
  }
  await to.write(path, writable(value))
  progress.copied(kind)
}

const copyMethod = async (ends: Ends, method: SourceMount): Promise<void> => {
  if (!(await ensureMount(ends, 'sys/auth', method))) return
  const shape = shapeOf(method.type)
  const base = `auth/${method.path}`
  for (const config of shape?.configs ?? []) await attempt(ends, `${base}${config}`, () => copyOne(ends, `${base}${config}`, 'auth configurations'))
  for (const { list, at, what } of shape?.lists ?? []) {
    await each(await ends.from.list(`${base}${list}`), async (name) => attempt(ends, `${what} ${base}${at(name)}`, () => copyOne(ends, `${base}${at(name)}`, 'roles')))
  }
  if (method.type === 'approle') {
    await each(await ends.from.list(`${base}role`), async (name) => attempt(ends, `role id of ${base}role/${name}`, async () => {
      const roleId = textOf((await ends.from.read(`${base}role/${name}/role-id`))?.['role_id'])
      if (roleId !== textOf((await ends.to.read(`${base}role/${name}/role-id`))?.['role_id'])) await ends.to.write(`${base}role/${name}/role-id`, { role_id: roleId })
    }))
  }
}

const copyPolicies = async (ends: Ends, { policies, passwordPolicies }: Pick<Inventory, 'policies' | 'passwordPolicies'>): Promise<void> => {
  const { to, progress } = ends
  await each(policies, ({ name, text }) => attempt(ends, `policy ${name}`, async () => {
    const there = textOf((await to.read(`sys/policies/acl/${name}`))?.['policy'])
    if (there === text) progress.present('policies')
    else if (there !== '') progress.failed(`policy ${name}`, 'another text is there; it was left as it is')
    else {
      await to.write(`sys/policies/acl/${name}`, { policy: text })
      progress.copied('policies')
    }
  }))
  await each(passwordPolicies, (name) => attempt(ends, `password policy ${name}`, () => copyOne(ends, `sys/policies/password/${name}`, 'password policies')))
}

export const copyAll = async (ends: Ends, inventory: Inventory): Promise<void> => {
  await copyPolicies(ends, inventory)
  for (const method of inventory.methods) await attempt(ends, `auth method ${method.path}`, () => copyMethod(ends, method))
  await each(inventory.tokenRoles, (name) => attempt(ends, `token role ${name}`, () => copyOne(ends, `auth/token/roles/${name}`, 'token roles')))
  for (const mount of inventory.kv) await attempt(ends, `mount ${mount.mount.path}`, () => copySecrets(ends, mount))
  await copyIdentity(ends, inventory)
}
