// The port over what tokens may do: by ACL policies as Vault says it, and by JSON policies and roles besides.

import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { DEFAULT_ENVIRONMENT, type Mount, type OrgRegistry } from '../../kernel/tenancy.ts'
import type { IssuePorts } from '../../services/identity/issue.ts'
import { load, loadById } from '../../services/identity/tokens.ts'
import type { CompiledPrincipal } from '../../services/policy/compiled.ts'
import { capabilities } from '../../services/policy/decide.ts'
import { reaches, resultantAcl } from '../../services/policy/reach.ts'
import type { PolicyResource } from '../../services/policy/types.ts'
import type { Holder, RightsPort } from '../../system/ports.ts'
import { compileToken, contextOf, type AuthorityPorts } from '../authority.ts'

/** What an API path is about: a secret of a kv mount, or something else of the mount or the server. */
const resourceOf = (registry: OrgRegistry, given: string): PolicyResource => {
  const apiPath = given.replace(/^\/+/, '')
  const mount = registry.mounts.filter((each) => each.class === 'secret' && `${apiPath}/`.startsWith(`${each.path}/`)).sort((a, b) => b.path.length - a.path.length)[0]
  if (mount === undefined || mount.type !== 'kv') return { kind: mount === undefined ? 'system' : 'engine', apiPath, ...(mount === undefined ? {} : { project: mount.path }) }
  const rest = apiPath.slice(mount.path.length + 1)
  const below = mount.options['version'] === '1' ? rest : rest.slice(rest.indexOf('/') + 1)
  const first = below.split('/')[0] ?? ''
  const environment = registry.environment(mount.mountId, first)
  const path = environment === undefined ? below : below.slice(first.length + 1)
  return { kind: 'secret', apiPath, project: mount.path, environment: environment?.slug ?? DEFAULT_ENVIRONMENT, path, protected: environment?.protected ?? false }
}

const prefixOf = (mount: Mount): string => `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/`

export const makeRights = (authority: AuthorityPorts, ports: IssuePorts): RightsPort => {
  const compiledBy = async (orgId: string, by: { readonly tokenId: string } | { readonly accessor: string }): Promise<CompiledPrincipal | undefined> => {
    const loaded = await loadById(ports, orgId, by)
    return loaded === undefined ? undefined : (await compileToken(authority, orgId, loaded))?.compiled
  }
  const ofCaller = async ({ caller }: Call): Promise<CompiledPrincipal> => {
    const compiled = caller === undefined ? undefined : caller.carried === undefined ? await compiledBy(caller.orgId, { tokenId: caller.tokenId }) : (await compileToken(authority, caller.orgId, caller.carried))?.compiled
    // A counted token that used itself up for this very request is loaded no more.
    if (compiled === undefined) throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
    return compiled
  }
  const ofHolder = async (call: Call, holder: Holder): Promise<CompiledPrincipal | undefined> => {
    if (holder === 'caller') return ofCaller(call)
    if ('accessor' in holder) return compiledBy(call.orgId, holder)
    if ('token' in holder) {
      const loaded = await load(ports, call.orgId, holder.token)
      return loaded === undefined ? undefined : (await compileToken(authority, call.orgId, loaded))?.compiled
    }
    return compiledBy(call.orgId, holder)
  }
  return {
    async capabilities(call, holder, paths) {
      const compiled = await ofHolder(call, holder)
      if (compiled === undefined) return undefined
      const registry = await authority.registry(call.orgId)
      const context = contextOf(compiled, { sourceIp: call.sourceIp, time: call.now(), door: call.door })
      return Object.fromEntries(paths.map((path) => [path, capabilities(compiled, resourceOf(registry, path), context)]))
    },
    async visible(call, mounts) {
      const compiled = await ofCaller(call)
      return mounts.filter((mount) => reaches(compiled, { prefix: prefixOf(mount), project: mount.class === 'secret' ? mount.path : undefined, time: call.now() }))
    },
    resultant: async (call) => resultantAcl(await ofCaller(call), call.now()),
  }
}
