// Two organizations with the same paths (architecture, 9.4). Across the border every operation answers as for things that
// never existed; and with the check above taken out, row-level security alone refuses.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { formatId, parseId } from '../../packages/server/src/kernel/ids.ts'
import type { Operation } from '../../packages/server/src/kernel/operation.ts'
import { sqlstateOf, type Queryable } from '../../packages/server/src/kernel/storage.ts'
import * as identity from '../../packages/server/src/services/identity/grants-repository.ts'
import * as secrets from '../../packages/server/src/services/secrets/repository.ts'
import * as tenancy from '../../packages/server/src/services/tenancy/repository.ts'
import { Pool } from '../../packages/server/src/storage/pool.ts'
import { afterwards } from '../support/cleanup.ts'
import { superuserOf } from '../support/database.ts'
import type { Answer, Client } from '../support/http.ts'
import { dataDirectoryOf, scratchDirectory, socketDirectoryOf, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { build, httpOperations } from './requests.ts'

const scope = { after }
const folder = scratchDirectory(scope)
const { server, root } = await startDurableServer(scope, { folder })
const superuser = superuserOf(scope, dataDirectoryOf(folder))

interface Tenant {
  readonly orgId: string
  readonly slug: string
  readonly client: Client
  readonly ownerToken: string
  /** What only this organization has: names that hold its mark, and ids. */
  readonly ids: Readonly<Record<'secret' | 'binding' | 'principal' | 'accessor' | 'token', string>>
}

/** The same paths in both; beside them, names with a mark of their own. */
const settle = async (slug: string): Promise<Tenant> => {
  const { data } = await root.expect('POST', '/api/v1/organizations', { slug })
  const client = root.as(data.token as string)
  afterwards(scope, () => client.close())
  for (const path of ['app/key', `only-${slug}/key`]) {
    for (const value of ['one', 'two']) await client.expect('POST', `/api/v1/secrets/${path}?environment=prod`, { value: `${value} of ${slug}` })
  }
  const secret = (await client.expect('GET', '/api/v1/secrets/app/key?environment=prod')).data.id as string
  await client.expect('POST', '/api/v1/projects', { name: `only-${slug}` })
  await client.expect('POST', '/api/v1/projects/secret/environments', { slug: `only-${slug}` })
  await client.expect('PUT', `/api/v1/policies/only-${slug}`, { kind: 'acl', body: 'path "secret/*" { capabilities = ["read"] }' })
  const principal = (await client.expect('POST', '/api/v1/principals', { name: `only-${slug}`, kind: 'service_account' })).data.id as string
  const binding = (await client.expect('POST', '/api/v1/role-bindings', { principal, role: 'auditor' })).data.id as string
  const token = (await client.expect('POST', '/api/v1/tokens', { name: `only-${slug}-token` })).data as { token: string; accessor: string }
  return { orgId: parseId('organization', data.id as string) ?? '', slug, client, ownerToken: data.token as string, ids: { secret, binding, principal, accessor: token.accessor, token: token.token } }
}

const theirs = await settle('alpha')
const mine = await settle('bravo')

const stateOf = async (tenant: Tenant): Promise<string> => {
  const tables = ['mounts', 'environments', 'secrets', 'secret_versions', 'secret_aliases', 'principals', 'role_bindings', 'policies', 'tokens', 'keks', 'entries']
  const digests = await Promise.all(tables.map(async (table) => (await superuser.query<{ d: string | null }>(`select md5(string_agg(t::text, '|' order by t::text)) as d from coffer.${table} as t where org_id = $1`, [tenant.orgId])).rows[0]?.d))
  return digests.join()
}
const before = await stateOf(theirs)

/** Enough for every operation to get past its input. */
const complete = { environment: 'prod', key: 'app/key', path: 'app/key', value: 'x', version: 1, state: 'DISABLED', alias: 'mine', expectedPreviousVersion: 1, action: 'reveal', view: 'reads-by-secret', format: 'env', content: 'A=1', body: 'path "x" { capabilities = ["read"] }', kind: 'acl', ownerTeam: 'x', rotationStrategy: 'manual', role: 'reader', name: 'fresh', slug: 'fresh', description: 'x', type: 'text' }

/** What names something that exists on the other side, and what names nothing, in the same form. */
const references = (mark: string, ids: { readonly secret: string; readonly binding: string; readonly principal: string; readonly accessor: string }): Readonly<Record<string, readonly string[]>> => ({
  key: [ids.secret, `only-${mark}/key`], secretId: [ids.secret], binding: [ids.binding], principal: [ids.principal], accessor: [ids.accessor], project: [`only-${mark}`], environment: [`only-${mark}`], name: [`only-${mark}`], path: [`only-${mark}/key`], prefix: [`only-${mark}`],
})
const foreign = references('alpha', theirs.ids)
const nothing = references('nihil', {
  secret: formatId('secret', randomUUID()), binding: formatId('binding', randomUUID()), principal: formatId('principal', randomUUID()),
  accessor: theirs.ids.accessor.split('').toReversed().join('').slice(0, theirs.ids.accessor.length),
})

/** What differs between any two answers, and the names that were asked about, taken out. */
const shape = (answer: Answer): string => {
  let text = answer.text
  for (const name of [...Object.values(foreign), ...Object.values(nothing)].flat().toSorted((a, b) => b.length - a.length)) text = text.replaceAll(name, '<name>')
  text = text.replaceAll(/\b[a-z]{3}_[0-9A-Za-z-]{20,}/g, '<id>').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>').replaceAll(/"sha256Fingerprint":"\w+"/g, '<fingerprint>').replaceAll(/hv[sb]\.[\w.]+/g, '<token>').replaceAll(/"accessor":"[\w.]+"/g, '<accessor>').replaceAll(/"request_id":"[\w-]+"/g, '<request>')
  return `${answer.status} ${answer.status < 300 ? '' : text}`
}

const call = (operation: Operation, input: Readonly<Record<string, unknown>>, headers: Record<string, string> = {}): Promise<Answer> => {
  const { target, body } = build(operation, input)
  return mine.client.call(operation.method, target, body, { headers })
}

// Before the walk below, in which this side makes things of the same names.
test('lists, counts, searches and exports show nothing of the other side', async () => {
  const trace = new RegExp(['alpha', theirs.orgId, ...Object.values(theirs.ids)].map((text) => text.replaceAll('.', '\\.')).join('|'))
  for (const target of [
    '/api/v1/secrets?environment=prod&limit=500', '/api/v1/secrets?environment=prod&deleted=true', '/api/v1/tokens?limit=500', '/api/v1/principals?limit=500', '/api/v1/role-bindings', '/api/v1/policies', '/api/v1/projects', '/api/v1/projects/secret/environments', '/api/v1/organizations',
    '/api/v1/sync/pull?environment=prod', '/api/v1/audit/summary?view=reads-by-principal', '/api/v1/audit/summary?view=reads-by-secret', '/api/v1/audit/summary?view=denied-reads', '/api/v1/me', '/v1/secret/metadata/prod?list=true',
  ]) {
    const { text } = await mine.client.call('GET', target)
    assert.doesNotMatch(text, trace, target)
  }
  assert.doesNotMatch((await mine.client.call('POST', '/api/v1/inject?environment=prod', {})).text, trace)
  const { requestId } = await theirs.client.expect('GET', '/api/v1/secrets/app/key?environment=prod&reveal=true')
  await until(async () => (await theirs.client.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items.length === 1, 'the record has arrived')
  assert.deepEqual((await mine.client.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items, [])
})

/** These would take the caller's own credentials, or the server, out of the test. */
const notWalked = new Set(['access.logout', 'system.seal'])
const walked = httpOperations.filter(({ id }) => !notWalked.has(id))

for (const operation of walked) {
  const fields = Object.keys(operation.input).filter((field) => Object.hasOwn(foreign, field))
  test(`${operation.id}: what another organization has is as if it had never been`, async () => {
    for (const field of fields) {
      for (const [index, name] of (foreign[field] ?? []).entries()) {
        // The one that never was comes first: a name that it creates must not help the other.
        const never = await call(operation, { ...complete, [field]: nothing[field]?.[index] })
        const other = await call(operation, { ...complete, [field]: name })
        assert.equal(shape(other), shape(never), `${operation.id} with ${field}=${name}`)
        if (/^[a-z]{3}_/.test(name) || field === 'accessor') assert.ok(other.status >= 400 || operation.method === 'GET', `${operation.id} took an id of another organization: ${other.status}`)
        assert.ok(!/of alpha/.test(other.text))
      }
    }
    for (const header of ['x-coffer-organization', 'x-vault-namespace']) {
      const never = await call(operation, complete, { [header]: 'nihil' })
      const other = await call(operation, complete, { [header]: 'alpha' })
      // What is the whole server's is refused before anybody asks which organization was named.
      assert.equal(other.status, operation.scope === 'server' ? 403 : 404, `${operation.id} with ${header}`)
      assert.equal(shape(other), shape(never))
      assert.deepEqual(Object.keys(other.headers), Object.keys(never.headers))
    }
  })
}

test('the other organization is as it was', async () => assert.equal(await stateOf(theirs), before))

test('a token works in its own organization only, whatever it says of itself', async () => {
  const [kind, body, shortId] = mine.ownerToken.split('.')
  const theirShortId = theirs.ownerToken.split('.')[2]
  assert.ok(shortId !== undefined && theirShortId !== undefined)
  const ask = (token: string): Promise<Answer> => root.call('GET', '/api/v1/secrets/app/key?environment=prod&reveal=true', undefined, { token })
  const never = await ask(`${kind}.${body}.zzzzzzz`)
  for (const token of [`${kind}.${body}.${theirShortId}`, `${kind}.${body}`]) {
    const answer = await ask(token)
    assert.equal(shape(answer), shape(never))
    assert.equal(answer.status, 401)
  }
})

// ---- without the check above

const app = new Pool({ host: socketDirectoryOf(dataDirectoryOf(folder)), port: 5432, database: 'coffer', user: 'coffer_app' }, { max: 2 })
afterwards(scope, () => app.close())
const asMe = <Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result> => app.transaction(mine.orgId, work)

interface TenantTable {
  readonly name: string
  readonly columns: number
}
/** Every table with an organization but the directory and the feed, which hold nothing of a tenant's. */
const { rows: tables } = await superuser.query<TenantTable>(`
  select c.relname::text as name, count(a.*)::int as columns from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
  where c.relnamespace = 'coffer'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname not in ('organizations', 'changes')
    and exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'org_id') group by 1 order by 1`)

/** Refused, or without any effect. */
const without = async (text: string): Promise<void> => {
  try {
    assert.equal((await asMe((tx) => tx.query(text, [theirs.orgId]))).count, 0, text)
  } catch (error) {
    assert.equal(sqlstateOf(error), '42501', `${text}: ${String(error)}`)
  }
}

test('plain SQL that names the other organization reads, changes and removes nothing in any table', async () => {
  assert.ok(tables.length > 12)
  let filled = 0
  for (const { name } of tables) {
    const { rows } = await superuser.query<{ n: number }>(`select count(*)::int as n from coffer.${name} where org_id = $1`, [theirs.orgId])
    if ((rows[0]?.n ?? 0) > 0) filled += 1
    await without(`select from coffer.${name} where org_id = $1`)
    await without(`update coffer.${name} set org_id = org_id where org_id = $1`)
    await without(`delete from coffer.${name} where org_id = $1`)
    await without(`insert into coffer.${name} select * from coffer.${name} where org_id = $1`)
  }
  assert.ok(filled >= 9, 'the other organization has rows that could have been seen')
})

test('a row cannot be given to the other organization', async () => {
  for (const { name } of tables) {
    const { rows } = await superuser.query<{ n: number }>(`select count(*)::int as n from coffer.${name} where org_id = $1`, [mine.orgId])
    if (rows[0]?.n === 0) continue
    await assert.rejects(asMe((tx) => tx.query(`update coffer.${name} set org_id = $1`, [theirs.orgId])), (error) => sqlstateOf(error) === '42501', name)
  }
})

test('the queries of the repositories, with the other organization\'s id put in, find and change nothing', async () => {
  const secretId = parseId('secret', theirs.ids.secret) ?? ''
  const bindingId = parseId('binding', theirs.ids.binding) ?? ''
  const principalId = parseId('principal', theirs.ids.principal) ?? ''
  const { rows } = await superuser.query<{ mount_id: string }>(`select mount_id from coffer.mounts where org_id = $1 and path = 'secret'`, [theirs.orgId])
  const address = { orgId: theirs.orgId, mountId: rows[0]?.mount_id ?? '', environment: 'prod', path: '', project: 'secret' }
  assert.ok((await app.transaction(theirs.orgId, (tx) => secrets.list(tx, address, { after: '', limit: 10, deleted: false }))).length > 0, 'they are there for those who may')
  const found = await asMe(async (tx) => ({
    locate: await secrets.locate(tx, theirs.orgId, secretId),
    versions: await secrets.listVersions(tx, theirs.orgId, secretId, 1_000, 10),
    named: await secrets.getVersions(tx, theirs.orgId, secretId, [1, 2]),
    inUse: await secrets.environmentsInUse(tx, theirs.orgId, address.mountId),
    purged: await secrets.purge(tx, theirs.orgId, secretId, 1),
    principal: await identity.findPrincipalById(tx, theirs.orgId, principalId, []),
    principals: await identity.listPrincipals(tx, theirs.orgId, { after: '00000000-0000-0000-0000-000000000000', limit: 10 }, []),
    bindings: await identity.listBindings(tx, theirs.orgId, undefined, 10, []),
    binding: await identity.findBinding(tx, theirs.orgId, bindingId, []),
    unbound: await identity.deleteBinding(tx, theirs.orgId, bindingId),
    policies: await identity.loadPolicies(tx, theirs.orgId, []),
    unwritten: await identity.deletePolicy(tx, theirs.orgId, 'acl', 'only-alpha'),
    registry: await tenancy.loadRegistry(tx, theirs.orgId, []),
    environment: await tenancy.environmentInUse(tx, theirs.orgId, address.mountId, 'prod'),
  }))
  assert.deepEqual(found, {
    locate: undefined, versions: [], named: [], inUse: [], purged: false, principal: undefined, principals: [], bindings: [], binding: undefined, unbound: false, policies: [], unwritten: false, registry: { mounts: [], environments: [] }, environment: false,
  })
})

test('the functions, given ids of the other organization, find and change nothing', async () => {
  const one = async (text: string): Promise<string> => String((await superuser.query<{ v: string }>(text, [theirs.orgId])).rows[0]?.v)
  const mount = await one(`select mount_id as v from coffer.mounts where org_id = $1 and path = 'secret'`)
  const token = await one('select token_id as v from coffer.tokens where org_id = $1 limit 1')
  const principal = parseId('principal', theirs.ids.principal) ?? ''
  const secret = parseId('secret', theirs.ids.secret) ?? ''
  const lookup = await one(`select encode(lookup, 'hex') as v from coffer.tokens where org_id = $1 limit 1`)
  await superuser.query("insert into coffer.principal_aliases (org_id, alias_id, mount_id, name, principal_id, row_version, mac) values ($1, gen_random_uuid(), $2, 'only-alpha', $3, 1, '')", [theirs.orgId, mount, principal])
  const calls: Readonly<Record<string, readonly [string, readonly (string | number)[]]>> = {
    secret_lookup: [`select * from coffer.secret_lookup($1, $2, 'prod', 'app/key', 'current')`, [mount]],
    secret_lookup_all: [`select * from coffer.secret_lookup_all($1, $2, 'prod', '', 'current', 10)`, [mount]],
    secret_children: [`select * from coffer.secret_children($1, $2, 'prod', '', '', 10)`, [mount]],
    secret_list: [`select * from coffer.secret_list($1, $2, 'prod', '', '', 10, false)`, [mount]],
    secret_lookup_many: [`select * from coffer.secret_lookup_many($1, array[$2::uuid], array['prod'], array['app/key'])`, [mount]],
    secret_versions_between: [`select * from coffer.secret_versions_between($1, array[$2::uuid], array[0], array[10])`, [secret]],
    // It writes, but only over what is there.
    secret_apply_many: [`select * from coffer.secret_apply_many($1, jsonb_build_array(jsonb_build_object('id', $2::text, 'rev', 1, 'mount', $3::text, 'env', 'prod', 'path', 'app/key', 'start', 1)), '')`, [secret, mount]],
    token_lookup: [`select * from coffer.token_lookup($1, decode($2, 'hex'))`, [lookup]],
    principal_grants: [`select * from coffer.principal_grants($1, $2)`, [principal]],
    login_aliases: [`select * from coffer.login_aliases($1, array[$2::uuid], array['only-alpha'])`, [mount]],
    groups_of: [`select * from coffer.groups_of($1, $2)`, [principal]],
    lease_next: [`select name from coffer.lease_next($1, '', '') as name where name is not null and name like '%only-alpha%'`, []],
    lease_children: [`select * from coffer.lease_children($1, 'auth/only-alpha/', '', 10)`, []],
    lease_quota: [`select quota from coffer.lease_quota($1, 'auth/only-alpha/login', '') as quota where quota is not null`, []],
    token_revoke: [`select * from coffer.token_revoke($1, array[$2::uuid])`, [token]],
    token_use: [`select left_over from coffer.token_use($1, $2) as left_over where left_over is not null`, [token]],
  }
  assert.equal((await app.query(`select * from coffer.login_aliases($1, array[$2::uuid], array['only-alpha'])`, [theirs.orgId, mount])).count, 1, 'it is there for those who may')
  for (const [name, [text, values]] of Object.entries(calls)) assert.equal((await asMe((tx) => tx.query(text, [mine.orgId, ...values]))).count, 0, name)
  await superuser.query("delete from coffer.principal_aliases where org_id = $1 and name = 'only-alpha'", [theirs.orgId])
  const { rows } = await superuser.query<{ name: string }>(`select distinct proname::text as name from pg_proc where pronamespace = 'coffer'::regnamespace and 'p_org' = any(proargnames) order by 1`)
  // These write what they are given under the organization that they are given, and only there, or give nothing.
  const writing = ['audit_write', 'auth_mounts_stay', 'count_leases', 'login_write', 'recount_leases', 'secret_apply']
  assert.deepEqual(rows.map((row) => row.name), [...Object.keys(calls), ...writing].sort(), 'a new function needs a line here')
  assert.equal(await stateOf(theirs), before)
  assert.equal(server.entries().filter(({ message }) => message === 'request failed').length, 0)
})
