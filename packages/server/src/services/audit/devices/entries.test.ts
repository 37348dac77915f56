// The form of Vault's records: which fields, which hashes, and nothing that is no hash where a value would be.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importHmacKey } from '../../../crypto/keys.ts'
import type { AuditEvent } from '../../../kernel/audit.ts'
import { hmacIdentifier } from '../records.ts'
import { deviceHash, deviceKey, entriesOf, hasher, type EntryContext } from './entries.ts'
import { formatJsonx } from './jsonx.ts'

const organizationKey = importHmacKey(Buffer.alloc(32, 3))
const key = (id: string) => deviceKey(importHmacKey(Buffer.alloc(32, 7)), id)
const context = (id = 'one'): EntryContext => ({ hash: hasher(key(id)), namespace: { id: 'root', path: '' } })
const known = (text: string): string => hmacIdentifier(organizationKey, text)

const event: AuditEvent = {
  id: '0198c5d2-7a00-7abc-9def-000000000001', at: Date.UTC(2026, 3, 8), orgId: '0198c5d2-7a00-7abc-9def-0000abcdef01', eventType: 'SECRET_WRITE', action: 'secret.create', actorType: 'user', actorId: 'p1', principal: 'user:ann',
  accessorHmac: known('accessor'), requestId: 'req_7', door: 'vault', project: 'secret', environment: 'dev', path: 'db', decision: 'ALLOW', status: 200, rule: 'acl:app', sourceIp: '127.0.0.1',
  holder: { displayName: 'userpass-ann', type: 'service', policies: ['default', 'app'], hmac: known('hvs.token'), ttlSeconds: 60, issuedAt: '2026-04-08T00:00:00.000Z' },
  request: { operation: 'update', path: 'secret/data/dev/db', mountType: 'kv', mountPoint: 'secret/', mountAccessor: 'kv_1', remotePort: 7, headers: { 'x-a': ['plain'], 'x-b': [known('header')] }, data: { data: { password: known('hunter2'), list: [known('a'), null] } } },
}

test('an operation is a request entry and a response entry with Vault\'s fields', () => {
  const [request, response] = entriesOf(event, context())
  const hash = context().hash
  const auth = {
    accessor: hash(known('accessor')), client_token: hash(known('hvs.token')), display_name: 'userpass-ann', entity_id: 'p1', policies: ['default', 'app'], policy_results: { allowed: true, granting_policies: [{ name: 'acl:app', namespace_id: 'root', type: 'acl' }] },
    token_issue_time: '2026-04-08T00:00:00.000Z', token_policies: ['default', 'app'], token_ttl: 60, token_type: 'service',
  }
  assert.deepEqual(request, {
    auth,
    request: {
      client_id: 'p1', client_token: auth.client_token, client_token_accessor: auth.accessor, data: { data: { password: hash(known('hunter2')), list: [hash(known('a')), null] } }, headers: { 'x-a': ['plain'], 'x-b': [hash(known('header'))] }, id: '7',
      mount_accessor: 'kv_1', mount_class: 'secret', mount_point: 'secret/', mount_type: 'kv', namespace: { id: 'root' }, operation: 'update', path: 'secret/data/dev/db', remote_address: '127.0.0.1', remote_port: 7,
    },
    time: '2026-04-08T00:00:00.000Z', type: 'request',
  })
  assert.deepEqual([response['type'], response['response'], response['error']], ['response', { mount_accessor: 'kv_1', mount_class: 'secret', mount_point: 'secret/', mount_type: 'kv' }, undefined])
})

test('a hash is the device\'s own, and what sys/audit-hash makes of the value', () => {
  const text = JSON.stringify(entriesOf(event, context('one')))
  assert.ok(text.includes(deviceHash(key('one'), known('hunter2'))))
  assert.ok(!text.includes(known('hunter2')), 'not the journal\'s')
  assert.ok(!text.includes(deviceHash(key('two'), known('hunter2'))), 'not another device\'s')
})

test('denials and failures have an error, in Vault\'s words where it has some', () => {
  const [denied, answer] = entriesOf({ ...event, decision: 'DENY', status: 403, errorCode: 'policy.denied' }, context())
  assert.deepEqual([denied['error'], answer['error']], ['permission denied', '1 error occurred:\n\t* permission denied\n\n'])
  const [asked, failed] = entriesOf({ ...event, status: 404, errorCode: 'secret.not_found' }, context())
  assert.deepEqual([asked['error'], failed['error']], [undefined, 'secret.not_found'])
})

test('a record that says no path of its own gets the one of its secret, and the mount of its path', () => {
  const { request: _request, holder: _holder, ...bare } = event
  const request = (changes: Partial<AuditEvent>) => entriesOf({ ...bare, ...changes }, context())[0]['request'] as Record<string, unknown> // an object, as the first test shows
  assert.deepEqual([request({})['path'], request({})['operation'], request({})['mount_point']], ['secret/data/dev/db', 'create', 'secret/'])
  assert.equal(request({ environment: 'default' })['path'], 'secret/data/db')
  const system = request({ request: { operation: 'read', path: 'sys/mounts' }, project: undefined })
  assert.deepEqual([system['mount_type'], system['mount_accessor'], system['mount_class']], ['system', 'system_abcdef01', 'secret'])
})

test('JSONx has the same content, sorted, with nothing that ends an element early', () => {
  assert.equal(formatJsonx({ b: [1, true, null], a: { '<x>': '</json:string>&"\n\u0001' }, c: undefined }), '<json:object name="a"><json:string name="&lt;x&gt;">&lt;/json:string&gt;&amp;&#34;&#xA;\ufffd</json:string></json:object><json:array name="b"><json:number>1</json:number><json:boolean>true</json:boolean><json:null /></json:array>')
})
