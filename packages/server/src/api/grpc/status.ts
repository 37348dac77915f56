// Errors as gRPC tells them: the kind's status, our message, and in the trailing metadata what programs go by.

import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { kindFacts, type CofferError } from '../../kernel/errors.ts'

export const trailers = (requestId: string): Metadata => {
  const metadata = new Metadata()
  metadata.set('x-request-id', requestId)
  return metadata
}

export const statusOf = (error: CofferError, requestId: string): StatusObject => {
  const metadata = trailers(requestId)
  metadata.set('x-coffer-error-code', error.code)
  if (error.field !== undefined && /^[\x20-\x7e]*$/.test(error.field)) metadata.set('x-coffer-error-field', error.field)
  if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(error.retryAfterSeconds))
  return { code: kindFacts[error.kind].grpc, details: error.message, metadata }
}
