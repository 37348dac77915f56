// Several servers on one database, and the root key is rotated at one of them: the others follow where they open by themselves, and seal
// themselves where that takes people.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGatedDatabase, type GatedDatabase } from '../support/database-gate.ts'
import { client, exchange, type Answer, type Client } from '../support/http.ts'
import { isAlive, killProcess } from '../support/processes.ts'
import { launch, scratchDirectory, startServer, type Server } from '../support/server.ts'
import type { Scope } from '../support/cleanup.ts'
import { until } from '../support/wait.ts'

interface Node {
  readonly folder: string
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const small = ['--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB']

const nodeOf = (t: Scope, database: GatedDatabase, flags: readonly string[]): Node => {
  const folder = scratchDirectory(t)
  return { folder, flags: ['server', '--data-dir', join(folder, 'data'), ...flags, ...small], env: { HOME: folder, COFFER_DATABASE_URL: database.url } }
}

const start = (t: Scope, { flags, env }: Node): Promise<Server> => startServer(t, { args: flags, env })

const health = async (server: Server): Promise<number | undefined> => (await exchange(server.address, 'GET', '/v1/sys/health').catch(() => undefined))?.status
const serves = (server: Server): Promise<void> => until(async () => (await health(server)) === 200, 'it serves')
const hasLogged = (server: Server, text: RegExp): boolean => server.entries().some(({ message }) => text.test(message))

const sealings = (server: Server): number => server.entries().filter(({ message }) => /needs shares for the new one: this server has sealed itself and must be unsealed anew/.test(message)).length

const write = (at: Client, name: string, value: string): Promise<unknown> => at.expect('POST', `/v1/secret/data/${name}`, { data: { value } })
const read = async (at: Client, name: string): Promise<unknown> => (await at.expect('GET', `/v1/secret/data/${name}`)).json.data.data.value
const rotate = async (at: Client, shares: readonly string[] = []): Promise<number> => (await at.expect('POST', '/api/v1/seal/rotate', { shares })).data.generation

/** A machine that is slow enough lets a worker's patience for the new root key end. Returns how often it did; anything else is a failure. */
const insist = async (ask: () => Promise<Answer>): Promise<number> => {
  let refused = 0
  await until(async () => {
    const { status, text } = await ask()
    if (status === 200) return true
    assert.equal(status, 503, text)
    refused += 1
    return false
  }, 'it is answered')
  return refused
}

const ofTheirs = 'of the organization'

/** An organization that is made at this server now, with a secret: all of it needs keys that were not there before. Returns its owner's token. */
const found = async (at: Client, slug: string): Promise<string> => {
  const { token } = (await at.expect('POST', '/api/v1/organizations', { slug })).data
  await at.expect('POST', '/api/v1/secrets/db?environment=prod', { value: ofTheirs }, { token })
  return token
}
const readOf = async (at: Client, token: string): Promise<unknown> => (await at.expect('GET', '/api/v1/secrets/db?environment=prod&reveal=true', undefined, { token })).data.value
test('servers with a key file take over the root key that one of them has made, and go on serving', { timeout: 300_000 }, async (t) => {
  const database = await startGatedDatabase(t)
  const keyFile = join(scratchDirectory(t), 'slot.key')
  const sealed = ['--seal', 'keyfile', '--seal-key-file', keyFile]
  const nodes = { one: nodeOf(t, database, sealed), two: nodeOf(t, database, [...sealed, '--workers', '2']) }
  const one = await start(t, nodes.one)
  const { root_token: token } = (await exchange(one.address, 'PUT', '/v1/sys/init', { body: {} })).json
  let two = await start(t, nodes.two)
  for (const server of [one, two]) await serves(server)
  const here = client(one.address, token)
  let there = client(two.address, token)
  await write(here, 'before', 'first')
  const before = await found(here, 'before')
  assert.equal(await readOf(there, before), ofTheirs)

  assert.equal(await rotate(here), 2)
  let refusals = 0
  for (let n = 0; n < 30; n += 1) {
    refusals += await insist(() => there.call('POST', `/v1/secret/data/during/${n}`, { data: { value: 'x' } }))
    refusals += await insist(() => there.call('GET', '/v1/secret/data/before'))
    refusals += await insist(() => there.call('GET', '/api/v1/secrets/db?environment=prod&reveal=true', undefined, { token: before }))
  }
  t.diagnostic(`${refusals} of 90 requests were refused meanwhile`)
  await until(() => hasLogged(two, /rotated at another server; the new one is in use/), 'the new root key is in use')
  assert.ok(!hasLogged(one, /rotated at another server/), 'who rotates does not follow')
  const madeHere = await found(here, 'made-here')
  assert.equal(await readOf(there, madeHere), ofTheirs)
  assert.equal(await readOf(here, await found(there, 'made-there')), ofTheirs)
  await there.expect('PUT', '/v1/sys/rotate')

  const killed = two.workers()
  for (const pid of killed) killProcess(pid)
  await until(() => killed.every((pid) => !isAlive(pid)) && two.workers().every((pid) => !killed.includes(pid)), 'other workers listen')
  there.close()
  there = client(two.address, token)
  assert.equal(await readOf(there, madeHere), ofTheirs)

  assert.equal((await two.stop()).code, 0)
  two = await start(t, nodes.two)
  await serves(two)
  there.close()
  there = client(two.address, token)
  assert.equal(await readOf(there, madeHere), ofTheirs)
  assert.equal(await rotate(there), 3)
  await until(() => hasLogged(one, /rotated at another server; the new one is in use/), 'it goes the other way as well')
  const last = await found(here, 'at-last')
  assert.equal(await readOf(there, last), ofTheirs)

  await database.superuser.query('update coffer.cluster set root_generation = 2')
  for (const server of [one, two]) await until(() => hasLogged(server, /holds an older root key than this server/), 'it is refused')
  assert.equal((await here.call('POST', '/api/v1/organizations', { slug: 'set-back' })).status, 503)
  assert.equal(await read(here, 'before'), 'first')
  assert.equal((await two.stop()).code, 0)
  const refused = launch(t, { args: nodes.two.flags, env: nodes.two.env })
  assert.notEqual((await refused.exited).code, 0)
  assert.match(refused.stderr(), /generation 3 of the root key and generation 2 is in force/)
  await database.superuser.query('update coffer.cluster set root_generation = 3')
  two = await start(t, nodes.two)
  await serves(two)
  there.close()
  there = client(two.address, token)
  for (const each of [here, there]) assert.equal(await readOf(each, last), ofTheirs)
  assert.equal(await readOf(there, await found(here, 'set-right')), ofTheirs)
  for (const each of [here, there]) each.close()
})

test('a server that needs shares seals itself, and the shares of now open it', { timeout: 300_000 }, async (t) => {
  const database = await startGatedDatabase(t)
  const shamir = ['--seal', 'shamir']
  const one = await start(t, nodeOf(t, database, shamir))
  const made = (await exchange(one.address, 'PUT', '/v1/sys/init', { body: { secret_shares: 2, secret_threshold: 2 } })).json
  const two = await start(t, nodeOf(t, database, shamir))
  const unseal = async (server: Server, shares: readonly string[]): Promise<void> => {
    for (const key of shares) assert.equal((await exchange(server.address, 'PUT', '/v1/sys/unseal', { body: { key } })).status, 200)
    await serves(server)
  }
  for (const server of [one, two]) await unseal(server, made.keys)
  const here = client(one.address, made.root_token)
  const there = client(two.address, made.root_token)
  await write(there, 'a', 'kept')

  await rotate(here, made.keys_base64)
  await until(() => sealings(two) === 1, 'it seals itself and says why')
  assert.equal(await health(two), 503)
  assert.equal((await exchange(two.address, 'GET', '/v1/sys/seal-status')).json.sealed, true)
  assert.equal(await health(one), 200)
  assert.equal(await read(here, 'a'), 'kept')
  await unseal(two, made.keys)
  assert.equal(await read(there, 'a'), 'kept')

  const { nonce } = (await exchange(one.address, 'PUT', '/v1/sys/rekey/init', { body: { secret_shares: 1, secret_threshold: 1 } })).json
  await exchange(one.address, 'PUT', '/v1/sys/rekey/update', { body: { nonce, key: made.keys[0] } })
  const rekeyed = (await exchange(one.address, 'PUT', '/v1/sys/rekey/update', { body: { nonce, key: made.keys[1] } })).json
  assert.equal(rekeyed.complete, true)
  await until(() => sealings(two) === 2, 'it seals itself again')
  assert.equal((await exchange(two.address, 'PUT', '/v1/sys/unseal', { body: { key: made.keys[0] } })).status, 400)
  await unseal(two, rekeyed.keys)
  assert.equal(await readOf(here, await found(there, 'afterwards')), ofTheirs)
  for (const each of [here, there]) each.close()
})
