import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { parseDatabaseUrl } from './url.ts'

test('a URL becomes settings, escapes decoded, TLS verified off this machine', () => {
  assert.deepEqual(parseDatabaseUrl('postgresql://us%40er:p%3Ass@db.example.test:6432/cof%66er?application_name=one'), {
    host: 'db.example.test', port: 6432, database: 'coffer', user: 'us@er', password: 'p:ss', applicationName: 'one', tls: { rejectUnauthorized: true },
  })
  assert.deepEqual(parseDatabaseUrl('postgres://u@localhost/d'), { host: 'localhost', port: 5432, database: 'd', user: 'u', tls: false })
  assert.deepEqual(parseDatabaseUrl('postgres://u@[::1]/d'), { host: '::1', port: 5432, database: 'd', user: 'u', tls: false })
  assert.deepEqual(parseDatabaseUrl('postgres://u@%2Frun%2Fpostgresql/d'), { host: '/run/postgresql', port: 5432, database: 'd', user: 'u', tls: false })
  assert.deepEqual(parseDatabaseUrl('postgres://u@localhost/d?host=/run/postgresql'), { host: '/run/postgresql', port: 5432, database: 'd', user: 'u', tls: false })
  assert.deepEqual(parseDatabaseUrl('postgres://u@db.example.test/d?sslmode=disable').tls, false)
  assert.deepEqual(parseDatabaseUrl('postgres://u@db.example.test/d?sslmode=require').tls, { rejectUnauthorized: false })
})

test('what is wrong is said without the URL', () => {
  for (const [url, said] of [
    ['mysql://u:canary@h/d', /must look like/],
    ['canary', /must look like/],
    ['postgres://u:canary@h', /must name a host, a user and a database/],
    ['postgres://h/d', /must name/],
    ['postgres://u:canary@h/d?sslmode=prefer', /sslmode/],
    ['postgres://u:canary@h/d?options=-c', /parameter that is not supported \(options\)/],
    ['postgres://u:canary%zz@h/d', /percent escape/],
    ['postgres://u:canary@h/d?sslmode=verify-full&sslrootcert=/nowhere', /sslrootcert/],
  ] as const) {
    assert.throws(() => parseDatabaseUrl(url), (error: Error & { kind?: string; field?: string }) => {
      assert.equal(error.kind, 'invalid_request')
      assert.equal(error.field, 'database.url')
      assert.match(error.message, said)
      return !inspect(error, { depth: 10 }).includes('canary')
    })
  }
})
