// After the answer to a revocation no worker serves the old (architecture, sections 7 and 9.6): three workers, many
// connections so that each of them has warm readers, and the flag that counts is set when the answer is in.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { makeApproleLogin } from '../support/approle.ts'
import { client, type Answer, type Client } from '../support/http.ts'
import { scratchDirectory, startDurableServer } from '../support/server.ts'
import { numberFromEnvironment, until } from '../support/wait.ts'

const rounds = numberFromEnvironment('COFFER_TEST_REVOCATION_ROUNDS', 4)
/** So many that a worker without any is as good as impossible: the kernel spreads connections by their hash. */
const connections = 30

const scope = { after }
const open = await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', '3', '--audit-segment-bytes', '4MiB'] })

interface Subject {
  /** What readers ask, as whom. */
  readonly token: string
  readonly target: string
  /** Takes it away; resolves with the answer. */
  take(): Promise<Answer>
  /** What readers are told afterwards. */
  readonly status: number
}

type Prepare = (root: Client, name: string) => Promise<Subject>

const revealOf = (name: string, query = ''): string => `/api/v1/secrets/${name}/key?environment=staging&reveal=true${query}`

const written = async (root: Client, name: string): Promise<void> => void (await root.expect('POST', `/api/v1/secrets/${name}/key?environment=staging`, { value: name }))

const tokenFor = async (root: Client, body: Record<string, unknown>): Promise<{ token: string; accessor: string }> => (await root.expect('POST', '/api/v1/tokens', body)).data

/** A token without rights whose holder is then bound to a role. */
const bound = async (root: Client, name: string, place: Record<string, unknown>): Promise<{ token: string; binding: string }> => {
  const { token } = await tokenFor(root, { name })
  const { data } = await root.expect('GET', '/api/v1/principals?limit=500')
  const principal = (data.items as { id: string; name: string }[]).find((item) => item.name === name)?.id
  const binding = (await root.expect('POST', '/api/v1/role-bindings', { principal, role: 'reader', ...place })).data.id as string
  return { token, binding }
}

const kinds: Readonly<Record<string, Prepare>> = {
  'a revoked token': async (root, name) => {
    await written(root, name)
    const { token, accessor } = await tokenFor(root, { name, project: 'secret', environment: 'staging', role: 'reader' })
    return { token, target: revealOf(name), status: 401, take: () => root.expect('DELETE', `/api/v1/tokens/${accessor}`) }
  },
  'a token that logged out': async (root, name) => {
    await written(root, name)
    const { token } = await tokenFor(root, { name, project: 'secret', environment: 'staging', role: 'reader' })
    return { token, target: revealOf(name), status: 401, take: () => root.expect('DELETE', '/api/v1/me', undefined, { token }) }
  },
  'a disabled version': async (root, name) => {
    await written(root, name)
    await written(root, name)
    return { token: open.rootToken, target: revealOf(name, '&version=1'), status: 404, take: () => root.expect('PATCH', `/api/v1/versions/${name}/key?environment=staging`, { version: 1, state: 'DISABLED' }) }
  },
  'a destroyed current version': async (root, name) => {
    await written(root, name)
    return { token: open.rootToken, target: revealOf(name, '&version=1'), status: 404, take: () => root.expect('PATCH', `/api/v1/versions/${name}/key?environment=staging`, { version: 1, state: 'DESTROYED', force: true }) }
  },
  'a deleted secret': async (root, name) => {
    await written(root, name)
    return { token: open.rootToken, target: revealOf(name), status: 404, take: () => root.expect('DELETE', `/api/v1/secrets/${name}/key?environment=staging`) }
  },
  'a purged secret': async (root, name) => {
    await written(root, name)
    return { token: open.rootToken, target: revealOf(name), status: 404, take: () => root.expect('DELETE', `/api/v1/secrets/${name}/key/permanent?environment=staging`) }
  },
  'a deleted policy': async (root, name) => {
    await written(root, name)
    await root.expect('PUT', `/api/v1/policies/${name}`, { kind: 'acl', body: `path "secret/data/staging/${name}/*" { capabilities = ["read"] }` })
    const { token } = await tokenFor(root, { name, policies: [name] })
    return { token, target: revealOf(name), status: 403, take: () => root.expect('DELETE', `/api/v1/policies/${name}?kind=acl`) }
  },
  'a policy rewritten to deny': async (root, name) => {
    await written(root, name)
    const write = (capability: string) => root.expect('PUT', `/api/v1/policies/${name}`, { kind: 'acl', body: `path "secret/data/staging/${name}/*" { capabilities = ["${capability}"] }` })
    await write('read')
    const { token } = await tokenFor(root, { name, policies: [name] })
    return { token, target: revealOf(name), status: 403, take: () => write('deny') }
  },
  'a role taken away': async (root, name) => {
    await written(root, name)
    const { token, binding } = await bound(root, name, { project: 'secret', environment: 'staging' })
    return { token, target: revealOf(name), status: 403, take: () => root.expect('DELETE', `/api/v1/role-bindings/${binding}`) }
  },
  'an environment that became protected': async (root, name) => {
    await root.expect('POST', '/api/v1/projects', { name })
    await root.expect('POST', `/api/v1/secrets/key?project=${name}&environment=staging`, { value: name })
    const { token } = await bound(root, name, { project: name })
    return { token, target: `/api/v1/secrets/key?project=${name}&environment=staging&reveal=true`, status: 403, take: () => root.expect('PATCH', `/api/v1/projects/${name}/environments/staging`, { protected: true }) }
  },
}

/** Reads on a connection of its own, over and over. */
const readOn = async (subject: Subject, state: { answered: boolean; over: boolean; warm: number }, late: Answer[]): Promise<void> => {
  const reader = client(open.server.address, subject.token, 1)
  let mine = 0
  while (!state.over) {
    const wasAnswered = state.answered
    const answer = await reader.call('GET', subject.target)
    if (!wasAnswered && answer.status === 200 && (mine += 1) === 3) state.warm += 1
    if (wasAnswered) late.push(answer)
  }
  reader.close()
}

for (const [name, prepare] of Object.entries(kinds)) {
  test(`after its answer no worker serves ${name}`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const subject = await prepare(open.root, `r${round}-${Object.keys(kinds).indexOf(name)}`)
      const state = { answered: false, over: false, warm: 0 }
      const late: Answer[] = []
      const readers = Array.from({ length: connections }, () => readOn(subject, state, late))
      await until(() => state.warm === connections, 'every connection has been served')
      await subject.take()
      state.answered = true
      await until(() => late.length >= 3 * connections, 'every reader has asked again')
      state.over = true
      await Promise.all(readers)
      assert.deepEqual([...new Set(late.map(({ status }) => status))], [subject.status], late.find(({ status }) => status !== subject.status)?.text)
    }
  })
}

test('after its answer no worker gives the kind of token that an auth method no longer gives', async () => {
  const { body } = await makeApproleLogin(open.root)
  await open.root.expect('POST', '/v1/auth/approle/role/app', { token_policies: ['reader'], token_type: 'default' }, { status: 204 })
  /** Undefined while it is being changed. */
  let tuned: 'batch' | 'service' | undefined
  let generation = 0
  let isOver = false
  const wrong: string[] = []
  let compared = 0
  const logins = Array.from({ length: connections }, async () => {
    const one = client(open.server.address, undefined, 1)
    while (!isOver) {
      const [began, inGeneration] = [tuned, generation]
      const { status, json } = await one.call('POST', '/v1/auth/approle/login', body)
      assert.equal(status, 200)
      if (began === undefined || inGeneration !== generation) continue
      compared += 1
      if (json.auth.token_type !== began) wrong.push(`${json.auth.token_type} instead of ${began}`)
    }
    one.close()
  })
  for (let round = 0; round < 4 * rounds; round += 1) {
    const wanted = round % 2 === 0 ? 'batch' : 'service'
    await open.root.expect('POST', '/v1/sys/auth/approle/tune', { token_type: `default-${wanted}` }, { status: 204 })
    tuned = wanted
    const from = compared
    await until(() => compared >= from + 2 * connections, 'every connection has logged in')
    tuned = undefined
    generation += 1
  }
  isOver = true
  await Promise.all(logins)
  assert.deepEqual(wrong, [])
})

test('the three workers all had readers', async () => {
  const { text } = await open.root.expect('GET', '/metrics')
  const serving = new Set([...text.matchAll(/^coffer_request_seconds_count\{[^}]*worker="(\d)"[^}]*\} [1-9]/gm)].map(([, worker]) => worker))
  assert.deepEqual([...serving].sort(), ['0', '1', '2'])
})
