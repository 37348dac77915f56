// Options of audit devices: what is taken, what is refused and by which name.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCofferError } from '../../../kernel/errors.ts'
import { settingsOf, type DeviceType } from './device.ts'

const settings = (type: DeviceType, options: Readonly<Record<string, string>>, allowFilePrefix = false) => settingsOf(type, options, { allowFilePrefix })

const refused = (type: DeviceType, options: Readonly<Record<string, string>>): string => {
  try {
    settings(type, options)
  } catch (error) {
    assert.ok(isCofferError(error) && error.kind === 'invalid_request', String(error))
    return error.message
  }
  return assert.fail(`${type} took ${JSON.stringify(options)}`)
}

test('a file device writes to an absolute path, to standard output or nowhere', () => {
  assert.deepEqual(settings('file', { file_path: '/var/log/a.log' }).target, { kind: 'file', path: '/var/log/a.log', mode: undefined })
  assert.deepEqual(settings('file', { path: '/var/log/a.log', mode: '0640' }).target, { kind: 'file', path: '/var/log/a.log', mode: 0o640 })
  assert.deepEqual(settings('file', { file_path: 'STDOUT' }).target, { kind: 'stdout' })
  for (const file_path of ['discard', '/dev/null']) assert.deepEqual(settings('file', { file_path }).target, { kind: 'discard' })
  for (const file_path of ['', 'relative', '/ends/with/', '/nul\u0000', `/${'x'.repeat(1100)}`]) assert.match(refused('file', { file_path }), /file_path/)
})

test('a file that we write is never one that the machine would run', () => {
  for (const mode of ['0700', '755', '0001']) assert.match(refused('file', { file_path: '/a', mode }), /may not be executable/)
  for (const mode of ['9', 'rw', '-1', '10000']) assert.match(refused('file', { file_path: '/a', mode }), /invalid mode/)
})

test('a prefix begins the lines of a file only where the configuration lets it', () => {
  assert.match(refused('file', { file_path: '/a', prefix: 'x' }), /audit prefixing is not enabled/)
  assert.equal(settings('file', { file_path: '/a', prefix: 'x' }, true).prefix, 'x')
  assert.equal(settings('socket', { address: '127.0.0.1:1', prefix: 'x' }).prefix, 'x')
  for (const prefix of ['a\nb', 'x'.repeat(257)]) assert.match(refused('socket', { address: '127.0.0.1:1', prefix }), /prefix/)
})

test('raw values and plain accessors are refused, whatever asks for them', () => {
  for (const log_raw of ['true', '1', 'T']) assert.match(refused('file', { file_path: '/a', log_raw }), /log_raw/)
  assert.equal(settings('file', { file_path: '/a', log_raw: 'false', hmac_accessor: 'true', elide_list_responses: 'true' }).format, 'json')
  assert.match(refused('file', { file_path: '/a', hmac_accessor: 'false' }), /hmac_accessor/)
  assert.match(refused('file', { file_path: '/a', log_raw: 'perhaps' }), /log_raw/)
})

test('options of Vault\'s enterprise edition and unknown ones are refused by name', () => {
  for (const name of ['filter', 'fallback', 'exclude']) assert.equal(refused('file', { file_path: '/a', [name]: 'x' }), 'enterprise-only options supplied: invalid configuration')
  assert.match(refused('file', { file_path: '/a', address: 'x' }), /no option "address"/)
  assert.match(refused('file', { file_path: '/a', format: 'xml' }), /format/)
})

test('a socket device names a host and a port, or a path', () => {
  assert.deepEqual(settings('socket', { address: '127.0.0.1:514' }).target, { kind: 'socket', protocol: 'tcp', host: '127.0.0.1', port: 514, timeoutMs: 2000 })
  assert.deepEqual(settings('socket', { address: '[::1]:9', socket_type: 'udp', write_timeout: '5s' }).target, { kind: 'socket', protocol: 'udp', host: '::1', port: 9, timeoutMs: 5000 })
  assert.deepEqual(settings('socket', { address: '/run/x.sock', socket_type: 'unix' }).target, { kind: 'unix', path: '/run/x.sock', timeoutMs: 2000 })
  for (const address of ['', 'host', 'host:0', 'host:65536', 'a b:1', '::1:9', 'host:x']) assert.match(refused('socket', { address }), /address/)
  for (const write_timeout of ['0', '1h', 'soon']) assert.match(refused('socket', { address: 'h:1', write_timeout }), /write_timeout/)
  assert.match(refused('socket', { address: 'h:1', socket_type: 'sctp' }), /socket_type/)
  assert.match(refused('socket', { address: 'relative', socket_type: 'unix' }), /absolute/)
})

test('a syslog device speaks to the local daemon unless an address says another', () => {
  assert.deepEqual(settings('syslog', {}).target, { kind: 'syslog', priority: 4 * 8 + 6, tag: 'vault', to: { kind: 'local', path: '/dev/log' } })
  assert.deepEqual(settings('syslog', { facility: 'local0', tag: 'coffer', address: 'udp://10.0.0.1' }).target, { kind: 'syslog', priority: 16 * 8 + 6, tag: 'coffer', to: { kind: 'udp', host: '10.0.0.1', port: 514 } })
  assert.match(refused('syslog', { facility: 'NOPE' }), /invalid syslog facility/)
  for (const tag of ['', 'a b', 'a:b', 'a[b', 'a\nb']) assert.match(refused('syslog', { tag }), /tag/)
})
