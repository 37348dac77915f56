// No record, no secret (architecture, section 6): when the spool cannot take a record, what would be recorded is refused,
// and service resumes when there is room. Without a database a worker answers from its cache only as long as its lease.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import { makeApproleLogin } from '../support/approle.ts'
import { startGatedDatabase } from '../support/database-gate.ts'
import { superuserOf } from '../support/database.ts'
import type { Answer, Client } from '../support/http.ts'
import { dataDirectoryOf, scratchDirectory, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const target = '/api/v1/secrets/app/key?environment=prod&reveal=true'
const value = 'the-value-that-needs-a-record'

const prepare = (root: Client): Promise<Answer> => root.expect('POST', '/api/v1/secrets/app/key?environment=prod', { value })

/** Reveals over several connections until one is refused; all that were answered. */
const revealUntilRefused = async (root: Client, most: number): Promise<{ revealed: string[]; refusal: Answer | undefined }> => {
  const revealed: string[] = []
  let refusal: Answer | undefined
  const one = async (): Promise<void> => {
    while (refusal === undefined && revealed.length < most) {
      const answer = await root.call('GET', target)
      if (answer.status === 200) revealed.push(answer.requestId)
      else refusal ??= answer
    }
  }
  await Promise.all([one(), one(), one(), one()])
  return { revealed, refusal }
}

const assertRefused = (answer: Answer | undefined): void => {
  assert.deepEqual([answer?.status, answer?.data?.code], [500, 'audit_unavailable'])
  assert.ok(!answer?.text.includes(value))
}

const resumes = (root: Client): Promise<void> => until(async () => (await root.call('GET', target)).status === 200, 'reveals are answered again', 30_000)

/** Every reveal that was answered has its record, and the chain is whole. */
const assertRecorded = async (root: Client, revealed: readonly string[]): Promise<void> => {
  const found = new Set<string>()
  await until(async () => {
    for (let after = ''; ; ) {
      const { data } = await root.expect('GET', `/api/v1/audit/events?action=secret.reveal&limit=500${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`)
      for (const { requestId } of data.items as { requestId: string }[]) found.add(requestId)
      if (data.next === undefined) break
      after = data.next as string
    }
    return revealed.every((id) => found.has(id))
  }, 'every reveal has its record', 30_000)
  const { data } = await root.expect('POST', '/api/v1/audit/verify', {})
  assert.deepEqual([data.intact, data.findings.filter(({ kind }: { kind: string }) => !['resumed', 'poisoned'].includes(kind)).slice(0, 3)], [true, []])
}

/** A small disk of its own; undefined where this account may not mount one. */
const mountSmallDisk = (t: TestContext, folder: string, size: string): string | undefined => {
  const directory = join(folder, 'disk')
  mkdirSync(directory)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'coffer-test', directory], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  afterwards(t, () => void execFileSync('umount', ['-l', directory]))
  return directory
}

test('a full disk below the spool refuses reveals and writes, and gives back what it can when there is room', async (t) => {
  const folder = scratchDirectory(t)
  const disk = mountSmallDisk(t, folder, '6m')
  if (disk === undefined) return t.skip('this account may not mount a file system; the quota test below covers the refusal')
  const { server, root } = await startDurableServer(t, { folder, flags: ['--audit-directory', join(disk, 'spool'), '--audit-allow-ephemeral', '--audit-segment-bytes', '1MiB'] })
  await prepare(root)
  const ballast = join(disk, 'ballast')
  assert.throws(() => writeFileSync(ballast, Buffer.alloc(8 * 2 ** 20, 1)), { code: 'ENOSPC' })

  const { revealed, refusal } = await revealUntilRefused(root, 20_000)
  assertRefused(refusal)
  assert.ok(revealed.length > 0, 'what was preallocated still took records')
  assertRefused(await root.call('GET', target))
  const denied = await root.as('hvs.unknown').call('GET', target)
  assert.equal(denied.status, 500, 'a refusal that cannot be recorded is no refusal')
  assert.equal((await root.call('POST', '/api/v1/secrets/app/key?environment=prod', { value: 'other' })).status, 500)
  assert.equal((await root.call('GET', '/v1/sys/health')).status, 200, 'what needs no record still answers')

  rmSync(ballast)
  await resumes(root)
  await assertRecorded(root, revealed)
  assert.equal((await server.stop()).code, 0)
})

test('a spool that may hold no more refuses reveals until its records are shipped', async (t) => {
  const folder = scratchDirectory(t)
  const { root } = await startDurableServer(t, { folder, flags: ['--audit-max-spool-bytes', '4MiB', '--audit-segment-bytes', '1MiB'] })
  await prepare(root)
  const { headers, body } = await makeApproleLogin(root)
  const login = (): Promise<Answer> => root.as(undefined).call('POST', '/v1/auth/approle/login', body)
  const inline = (more: Readonly<Record<string, string>> = {}): Promise<Answer> => root.as(undefined).call('GET', '/v1/secret/data/prod/app/key', undefined, { headers: { ...headers, ...more } })
  for (let time = 0; time < 5; time += 1) assert.deepEqual([(await inline()).status, (await login()).status], [200, 200])
  const superuser = superuserOf(t, dataDirectoryOf(folder))
  await superuser.query('revoke insert on coffer.audit_events from coffer_audit')
  const { revealed, refusal } = await revealUntilRefused(root, 40_000)
  assertRefused(refusal)
  assertRefused(await root.call('GET', target))
  t.diagnostic(`${revealed.length} reveals until the spool was full`)
  // Nobody is told whether somebody may log in, either.
  for (const answer of [await inline(), await inline(), await inline({ 'idempotency-key': 'the-general-way' })]) {
    assert.deepEqual([answer.status, answer.headers['x-vault-inline-auth-failed']], [500, 'true'], answer.text)
    assert.ok(!answer.text.includes(value))
  }
  const refused = await login()
  assert.deepEqual([refused.status, refused.text.includes('hvb.')], [500, false])

  await superuser.query('grant insert on coffer.audit_events to coffer_audit')
  await resumes(root)
  await assertRecorded(root, revealed)
})

for (const [name, cut] of [['cut off', 'shut'], ['silent', 'freeze']] as const) {
  test(`with the database ${name}, reveals fail closed within seconds and come back with it`, async (t) => {
    const folder = scratchDirectory(t)
    const gated = await startGatedDatabase(t)
    const { root } = await startDurableServer(t, { folder, flags: ['--database-url', gated.url] })
    await prepare(root)
    await root.expect('GET', target)
    await gated[cut]()
    const startedAt = performance.now()
    const revealed: string[] = []
    await until(async () => {
      const answer = await root.call('GET', target)
      if (answer.status === 200) revealed.push(answer.requestId)
      else assert.equal(answer.status, 503, answer.text)
      return answer.status === 503
    }, 'a reveal without a lease is refused', 30_000)
    t.diagnostic(`refused after ${Math.round(performance.now() - startedAt)} ms; ${revealed.length} reveals under the lease`)
    const more = await Promise.all([...Array.from({ length: 3 }, () => root.call('GET', target)), root.call('POST', '/api/v1/secrets/app/key?environment=prod', { value: 'x' })])
    assert.deepEqual(more.map(({ status }) => status), [503, 503, 503, 503])
    await gated.open()
    await resumes(root)
    await assertRecorded(root, revealed)
  })
}
