// What a door makes of an outcome, where records need to know: they say the status that the caller gets.

import { kindFacts, type CofferError } from '../kernel/errors.ts'
import type { Operation } from '../kernel/operation.ts'
import type { Answer, DoorRequest } from './exchange.ts'

/** What `status` looks at of an answer. */
export type Outcome = Pick<Answer, 'status' | 'data'>
/** What `errorStatus` looks at of a request. */
export type Refused = Pick<DoorRequest, 'token' | 'raw'>

export interface DoorForm {
  /** Whether its names are snake_case. */
  readonly snake: boolean
  status(operation: Operation, answer: Outcome): number
  /** Whether the status of success depends on what there is to say. */
  isOpen(operation: Operation): boolean
  errorStatus(error: CofferError, operation: Operation, request: Refused): number
}

/** Doors that answer as contracts and kinds of errors say. */
export const plainForm = (snake: boolean): DoorForm => ({
  snake,
  status: (_operation, { status }) => status,
  isOpen: ({ orNothing }) => orNothing === true,
  errorStatus: ({ httpStatus }) => httpStatus,
})

/** A method that there is not: gRPC has a status of its own for it. */
export const UNIMPLEMENTED = 'request.unimplemented'

/** Records count the outcomes of all doors on one scale. An error is the number of its kind there, whatever else it would be over HTTP, so that gRPC's status follows from the number (docs/guides/audit.md). */
export const grpcForm: DoorForm = { ...plainForm(true), errorStatus: ({ kind, code }) => (code === UNIMPLEMENTED ? 501 : kindFacts[kind].http) }

/** Of a write, whose answer is not known yet. `says`: whether there is something to say. */
export const statusOfWrite = (form: DoorForm, operation: Operation, { status, says }: { readonly status: 202 | undefined; readonly says: boolean }): number => {
  const wanted = status ?? operation.status
  return form.isOpen(operation) && wanted !== 202 ? (says ? (wanted ?? 200) : 204) : (wanted ?? 200)
}
