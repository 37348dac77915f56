import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Pool } from '../../storage/pool.ts'
import { startTestServer } from './server.ts'

/** A test process of a run: it takes a database and prints its name. */
const testProcess = async (env: Record<string, string>): Promise<string> => {
  const script = `const { testDatabase } = await import(${JSON.stringify(new URL('./database.ts', import.meta.url).href)})
    const cleanUps = []
    const database = await testDatabase({ after: (cleanUp) => cleanUps.push(cleanUp) })
    const { rows } = await database.app.query('select current_database()::text as name')
    console.log(rows[0].name)
    for (const cleanUp of cleanUps) await cleanUp()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0)
  return output.trim()
}

test('the processes of a run share one server and one template, and both go when it ends', async () => {
  const server = await startTestServer()
  const { host, port } = JSON.parse(server.env['COFFER_TEST_DATABASE'] ?? '') as { host: string; port: number }
  const names = await Promise.all([testProcess(server.env), testProcess(server.env), testProcess(server.env)])
  assert.equal(new Set(names).size, 3)

  const superuser = new Pool({ host, port, user: 'postgres', database: 'postgres' })
  const { rows } = await superuser.query<{ name: string }>(`select datname::text as name from pg_database where datname like 'coffer\\_template%' or datname like 'test\\_%'`)
  assert.equal(rows.length, 1)
  assert.match(rows[0]?.name ?? '', /^coffer_template_[0-9a-f]{16}$/)
  await superuser.close()
  await server.stop()
  await server.stop() // again is harmless
  await assert.rejects(new Pool({ host, port, user: 'postgres', database: 'postgres' }).query('select 1'), { kind: 'unavailable' })
})
