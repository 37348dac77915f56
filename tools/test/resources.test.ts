// needs: external-postgres, python3
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'

async function ask(url: string | undefined, sql: string): Promise<unknown> {
  assert.ok(url !== undefined, 'the runner gives the address')
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows[0]?.[0]
  } finally {
    await client.end()
  }
}

const embedded = process.env['COFFER_TEST_DATABASE_URL']
const external = process.env['COFFER_TEST_EXTERNAL_POSTGRES_URL']

test('the embedded PostgreSQL of the run takes a superuser, is durable and does not listen on the network', async () => {
  assert.equal(await ask(embedded, "select usesuper from pg_user where usename = current_user"), true)
  assert.equal(await ask(embedded, 'show fsync'), 'on')
  assert.equal(await ask(embedded, 'show listen_addresses'), '')
})

test('the external PostgreSQL is another server, of version 15 or newer', async () => {
  assert.ok(Number(await ask(external, 'show server_version_num')) >= 150_000)
  const identity = 'select system_identifier::text from pg_control_system()'
  assert.notEqual(await ask(external, identity), await ask(embedded, identity))
})

test('a wrong password is refused by both', async () => {
  for (const url of [embedded, external]) {
    const wrong = new URL(url ?? '')
    wrong.password = 'wrong'
    await assert.rejects(ask(wrong.href, 'select 1'), /password authentication failed/)
  }
})

test('python3 can make virtual environments', () => {
  const result = spawnSync(process.env['COFFER_TEST_PYTHON'] ?? '', ['-c', 'import venv, ensurepip, sys; print(sys.version_info[0])'])
  assert.equal(result.stdout?.toString().trim(), '3')
})

test('a cluster stops and leaves nothing when the process that started it is killed', async () => {
  const module = join(import.meta.dirname, 'database.ts')
  const script = `const { database } = await import(${JSON.stringify(module)}); const running = await database.start(); console.log(running.env.COFFER_TEST_DATABASE_URL); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  const url = String(line).trim()
  assert.equal(await ask(url, 'select 1'), 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const folder = dirname(new URL(url).searchParams.get('host') ?? '')
  while (existsSync(folder)) await delay(50)
  await assert.rejects(ask(url, 'select 1'))
})
