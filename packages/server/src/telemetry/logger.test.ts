import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { fail } from '../kernel/errors.ts'
import { StatementError } from '../kernel/storage.ts'
import { createLogger, type LogFields } from './logger.ts'
import { isSensitiveName, mask } from './redact.ts'

const canary = 'kestrel-42-plaintext'

const logged = (fields: LogFields, message = 'happened'): string => {
  const lines: string[] = []
  createLogger({ format: 'json', write: (line) => lines.push(line) }).info(message, fields)
  assert.equal(lines.length, 1)
  return lines[0] ?? ''
}

test('an entry is one JSON line with time, level, message and the bound fields', () => {
  const lines: string[] = []
  const logger = createLogger({ format: 'json', write: (line) => lines.push(line), now: () => new Date(0) }).child({ worker: 1 })
  logger.warn('slow', { milliseconds: 12, message: 'a field cannot replace the message' })
  assert.equal(lines[0], '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"slow","worker":1,"milliseconds":12}\n')
})

test('entries below the level are not written', () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', format: 'json', write: (line) => lines.push(line) })
  logger.info('no')
  logger.debug('no')
  logger.child({}).error('yes')
  assert.equal(lines.length, 1)
})

test('text for people keeps an entry on its line and away from the terminal\'s controls', () => {
  const lines: string[] = []
  createLogger({ format: 'text', write: (line) => lines.push(line) }).info('a\nb\u001b[2J\u202e', { path: 'x\u009by' })
  assert.equal(lines.length, 1)
  assert.doesNotMatch(lines[0] ?? '', /\n.|[\u001b\u009b\u202e]/u)
})

test('fields with sensitive names are masked at any depth, facts about them are not', () => {
  const line = logged({ request: { headers: [{ Authorization: canary, 'x-vault-token': canary }], dbPassword: canary }, value: canary, shares: [canary], secretId: 'sec_1', tokenTtl: 5, rootKey: null })
  assert.doesNotMatch(line, /kestrel/)
  assert.match(line, /"secretId":"sec_1","tokenTtl":5,"rootKey":null/)
  for (const name of ['token', 'clientToken', 'client_token', 'PASSWORD', 'set-cookie', 'private_key', 'apiKey', 'plaintextValue', 'sql']) assert.ok(isSensitiveName(name), name)
  for (const name of ['path', 'status', 'keyId', 'monkey', 'secretPath', 'durationSeconds']) assert.ok(!isSensitiveName(name), name)
})

test('what has the form of a credential is masked in any text', () => {
  const texts = [`hvs.${canary}`, `hvb.${canary}.shortid`, `hvr.${canary}`, `postgres://coffer:${canary}@db/coffer`, `Bearer ${canary}`, `-----BEGIN EC PRIVATE KEY-----\n${canary}\n-----END EC PRIVATE KEY-----`]
  for (const text of texts) {
    const line = logged({ note: `before ${text} after`, list: [text], [text]: 1 }, `says ${text} at the end`)
    assert.doesNotMatch(line, /kestrel/, text.slice(0, 12))
    assert.ok(line.includes(mask))
  }
})

test('bytes are masked and a value that serialises itself is asked how', () => {
  const secret = { bytes: canary, toJSON: () => mask, [inspect.custom]: () => mask }
  const line = logged({ note: Buffer.from(canary), more: new Uint8Array(4), wrapped: secret, when: new Date(0), big: 1n, map: new Map([[canary, 1]]) })
  assert.doesNotMatch(line, /kestrel|a2VzdHJlb|107,101/)
  assert.match(line, /"when":"1970-01-01T00:00:00.000Z","big":"1"/)
})

test('messages of foreign errors are dropped, because they quote values; name, code, place and cause stay', () => {
  const attempts: readonly (() => unknown)[] = [
    () => JSON.parse(`{"a": ${canary}`),
    () => BigInt(canary),
    () => Reflect.apply(Buffer.from, Buffer, [canary, canary]),
    () => new URL(canary),
    () => {
      throw Object.assign(new Error(`Key (path)=(${canary}) already exists.`), { code: '23505', severity: 'ERROR', detail: canary, query: canary })
    },
    () => {
      throw new Error(`two\n    at lines (${canary})`)
    },
    () => {
      throw new AggregateError([new Error(canary)], canary)
    },
    () => {
      throw new Error(canary, { cause: canary })
    },
  ]
  for (const attempt of attempts) {
    assert.throws(attempt, (error) => {
      const line = logged({ error: fail('internal', 'internal', 'It did not work.', { cause: error }) })
      assert.doesNotMatch(line, /kestrel/)
      assert.match(line, /"code":"internal","kind":"internal","message":"It did not work\."/)
      assert.match(line, /"cause":\{"name":"\w+"/)
      assert.match(line, /logger\.test\.ts/)
      return true
    })
  }
})

test('messages that their author keeps free of values are kept', () => {
  assert.match(logged({ error: new StatementError({ sqlstate: '23505', constraint: 'secrets_pkey' }) }), /SQLSTATE 23505 on secrets_pkey/)
  assert.throws(() => readFileSync('/nonexistent/file'), (error) => /ENOENT from open of \/nonexistent\/file/.test(logged({ error })))
})

test('an entry that cannot be written as given is still written', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  assert.match(logged(circular), /too deep/)
  const hostile = {
    get field(): string {
      throw new Error('no')
    },
  }
  assert.match(logged(hostile), /fields could not be written/)
  createLogger({ write: () => assert.fail('closed') }).error('a log that is gone harms nobody')
})
