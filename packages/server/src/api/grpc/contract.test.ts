import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadSync } from '@grpc/proto-loader'
import { snakeCase, type Fields } from '../../kernel/fields.ts'
import { allContracts } from '../../platform/contracts.ts'
import { loadService, malformed, messageBytes, rpcPath } from './contract.ts'

const folder = join(import.meta.dirname, '../../../../../proto')
const file = 'codesprintpro/secrets/v1/secrets.proto'
const prefix = 'codesprintpro.secrets.v1.'

interface MessageField {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly label: string
}

const messages = (): Readonly<Record<string, readonly MessageField[]>> => {
  const definition = loadSync(file, { includeDirs: [folder], keepCase: true })
  const found = Object.entries(definition).filter(([, each]) => 'format' in each)
  // What proto-loader calls type is a DescriptorProto in plain JSON.
  return Object.fromEntries(found.map(([name, each]) => [name.slice(prefix.length), (each as unknown as { type: { field: readonly MessageField[] } }).type.field]))
}

const shape = (fields: readonly MessageField[] | undefined): readonly string[] => (fields ?? []).map(({ name, number, type, label }) => `${label === 'LABEL_REPEATED' ? 'repeated ' : ''}${type.replace('TYPE_', '').toLowerCase()} ${name} = ${number}`)

test('messages and field numbers are those that were promised', () => {
  assert.deepEqual(Object.fromEntries(Object.entries(messages()).map(([name, fields]) => [name, shape(fields)])), {
    SecretRequest: ['string secret_path = 1', 'string client_token = 2', 'string version_or_alias = 3'],
    SecretResponse: ['string secret_path = 1', 'int64 version_number = 2', 'string plaintext_value = 3', 'int64 expires_at_unix = 4'],
    WatchRequest: ['repeated string secret_paths = 1', 'string client_token = 2'],
    SecretChangeEvent: ['string secret_path = 1', 'int64 new_version_number = 2', 'string alias = 3'],
  })
  assert.match(readFileSync(join(folder, file), 'utf8'), /^syntax = "proto3";$/m)
})

test('each rpc is one operation, and each operation of the door an rpc', () => {
  const paths = allContracts.map(({ operation }) => operation.path).filter((path) => path.startsWith(`/${prefix}`))
  assert.deepEqual(paths.toSorted(), Object.keys(loadService()).map(rpcPath).toSorted())
})

test('what a message has besides the token, its operation takes; what the operation answers, the message holds', () => {
  const operationOf = (rpc: string) => allContracts.find(({ operation }) => operation.path === rpcPath(rpc))?.operation
  const names = (fields: Fields | undefined): readonly string[] => Object.keys(fields ?? {}).map(snakeCase)
  const inMessage = (name: string): readonly string[] => (messages()[name] ?? []).map((field) => field.name).filter((field) => field !== 'client_token')
  assert.deepEqual(names(operationOf('GetSecret')?.input), inMessage('SecretRequest'))
  assert.deepEqual(names(operationOf('GetSecret')?.output), inMessage('SecretResponse'))
  // `look` is the door's own: a stream is many looks.
  assert.deepEqual(names(operationOf('WatchSecretChanges')?.input).filter((name) => name !== 'look'), inMessage('WatchRequest'))
})

test('bytes that are no protobuf are marked and do not throw', () => {
  const parse = loadService()['GetSecret']?.requestDeserialize
  assert.deepEqual(parse?.(Buffer.from([0x0f])), { [malformed]: true, [messageBytes]: 1 })
  assert.deepEqual({ ...parse?.(Buffer.alloc(0)) }, { secret_path: '', client_token: '', version_or_alias: '', [messageBytes]: 0 })
})
