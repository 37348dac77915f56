// The pages under docs/formats show what the code writes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { importHmacKey } from '../../crypto/keys.ts'
import { importSigningKey } from '../../crypto/sign.ts'
import { encodeCheckpoint, signCheckpoint } from './checkpoint.ts'
import { recordOf } from './records.ts'
import { FrameBuilder, itemKind } from './spool/frame.ts'

const page = (name: string): string => readFileSync(new URL(`../../../../../docs/formats/${name}`, import.meta.url), 'utf8')
const shows = (name: string, hex: string): boolean => page(name).replaceAll(/\s/g, '').includes(hex)

test('the frame', () => {
  const builder = new FrameBuilder()
  builder.add(itemKind.record, '{"id":"1"}')
  builder.add(itemKind.close, '')
  const { bytes, tag } = builder.seal({ seq: 258, at: 1_700_000_000_000, previous: Buffer.alloc(32, 9) }, importHmacKey(Buffer.alloc(32, 1)))
  assert.ok(shows('audit-frame.md', bytes.toString('hex', 0, 56)))
  assert.ok(shows('audit-frame.md', bytes.toString('hex', 60, bytes.length - 32)))
  assert.ok(shows('audit-frame.md', tag.toString('hex')))
})

test('the checkpoint', () => {
  const facts = { stream: '0198c5d2-7a00-7abc-9def-000000000001', seq: 258, hash: Buffer.alloc(32, 9), at: 1_700_000_000_000 }
  assert.ok(shows('audit-checkpoint.md', encodeCheckpoint(signCheckpoint(facts, { keyId: 'c1', key: importSigningKey(Buffer.alloc(32, 5)) })).toString('hex')))
})

test('the record', () => {
  assert.ok(page('audit-record.md').includes(recordOf({
    id: '0198c5d2-7a00-7abc-9def-000000000001', at: Date.UTC(2026, 3, 8, 10, 30, 0, 7), orgId: '0198c5d2-7a00-7abc-9def-000000000002', eventType: 'SECRET_READ', action: 'secret.read',
    actorType: 'service_account', principal: 'service:prod:payments-api', sourceIp: '10.2.4.17', requestId: 'req_abc', door: 'rest', environment: 'prod', path: 'payments/stripe-api-key',
    version: 42, decision: 'ALLOW', status: 200,
  })))
})
