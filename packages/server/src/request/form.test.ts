import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fail, kindFacts, type ErrorKind } from '../kernel/errors.ts'
import { unresolvedRequest } from '../system/unresolved.ts'
import { grpcForm, UNIMPLEMENTED } from './form.ts'

const status = (kind: ErrorKind, code = 'test.failed', httpStatus?: number): number =>
  grpcForm.errorStatus(fail(kind, code, 'x', httpStatus === undefined ? {} : { httpStatus }), unresolvedRequest, { token: undefined, raw: { path: {}, query: {}, body: undefined } })

test('over gRPC the number that a record has says which status the caller got, and no other error has it', () => {
  const statuses = new Map<number, number>()
  for (const kind of Object.keys(kindFacts) as ErrorKind[]) {
    const { grpc } = kindFacts[kind]
    const number = status(kind)
    assert.equal(statuses.get(number) ?? grpc, grpc)
    statuses.set(number, grpc)
    // What it would be over HTTP is not what the caller gets.
    assert.equal(status(kind, 'test.failed', 413), number)
  }
  assert.equal(statuses.has(status('not_found', UNIMPLEMENTED)), false)
})
