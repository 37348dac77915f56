// Vault's envelope: what of an answer is data, what is auth, and what is said beside them. Contracts name the parts that
// are not data: `auth`, `warnings`, `lease`, `leaseDuration`, `wrapInfo`, and `document`, which is the whole of data under names of its own.

import { encodeOutput } from '../../kernel/output.ts'
import type { CofferError } from '../../kernel/errors.ts'
import type { Operation } from '../../kernel/operation.ts'
import type { Answer } from '../../request/exchange.ts'

export interface Envelope {
  readonly request_id: string
  readonly lease_id: string
  readonly renewable: boolean
  readonly lease_duration: number
  readonly data: unknown
  readonly wrap_info: unknown
  readonly warnings: readonly string[] | null
  readonly auth: unknown
  readonly mount_type: string
}

const BESIDE: ReadonlySet<string> = new Set(['auth', 'warnings', 'lease', 'lease_duration', 'document', 'wrap_info'])

const NONE: readonly string[] = []

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : NONE)

const dataOf = (encoded: Readonly<Record<string, unknown>> | undefined): unknown => {
  if (encoded === undefined) return null
  if (Object.hasOwn(encoded, 'document')) return encoded['document']
  const rest: Record<string, unknown> = {}
  let [all, kept] = [0, 0]
  for (const name of Object.keys(encoded)) {
    all += 1
    if (BESIDE.has(name)) continue
    rest[name] = encoded[name]
    kept += 1
  }
  return kept === 0 && all > 0 ? null : rest
}

type Lease = Pick<Envelope, 'lease_id' | 'renewable' | 'lease_duration'>

/** kernel/ports/lease.ts says what `lease` holds. */
const leaseOf = (encoded: Readonly<Record<string, unknown>> | undefined): Lease => {
  const lease = encoded?.['lease']
  if (lease !== null && typeof lease === 'object') return lease as Lease
  const duration = encoded?.['lease_duration']
  return { lease_id: '', renewable: false, lease_duration: typeof duration === 'number' ? duration : 0 }
}

/** Such an operation says nothing when it has none. */
export const saysWarningsOnly = ({ output }: Operation): boolean => Object.hasOwn(output, 'warnings') && Object.keys(output).length === 1

/** Undefined: nothing to say, which is 204. */
export const envelopeOf = (requestId: string, operation: Operation, answer: Answer, mountType: string): Envelope | undefined => {
  const encoded = answer.data === undefined ? undefined : encodeOutput(operation.output, answer.data, true)
  // As in Vault, only an answer that has a body carries the warning.
  const ignored = answer.ignored.length === 0 || encoded === undefined ? NONE : [`Endpoint ignored these unrecognized parameters: [${[...answer.ignored].sort().join(' ')}]`]
  const said = textsOf(encoded?.['warnings'])
  if (said.length === 0 && (encoded === undefined || saysWarningsOnly(operation))) return undefined
  const warnings = ignored.length === 0 ? said : [...said, ...ignored]
  const lease = leaseOf(encoded)
  return {
    // What names a wrapping token names no request, as in Vault.
    request_id: operation.id === 'system.rewrap' ? '' : bareId(requestId),
    ...lease,
    data: dataOf(encoded),
    wrap_info: encoded?.['wrap_info'] ?? null,
    warnings: warnings.length === 0 ? null : warnings,
    auth: encoded?.['auth'] ?? null,
    mount_type: mountType,
  }
}

const bareId = (requestId: string): string => (requestId.startsWith('req_') ? requestId.slice(4) : requestId)

/** An error that has data (a deleted version's metadata) comes in an envelope, too; of a path that an engine does not know the text is a warning in one. */
export const errorEnvelope = (requestId: string, { data, message }: CofferError): Envelope => ({
  request_id: bareId(requestId), lease_id: '', renewable: false, lease_duration: 0, data: data ?? null, wrap_info: null, warnings: data === undefined ? [message] : null, auth: null, mount_type: '',
})

// Vault's own old clients read these from the top of the answer, and its new ones from data; so both have them.
const INJECTED = /^\/v1\/sys\/(audit(-hash)?|auth|config\/(cors|auditing\/request-headers)|capabilities(-self|-accessor)?|ha-status|key-status|mounts|policy|rekey\/(backup|recovery-key-backup)|remount$|rotate(?!\/)|wrapping\/wrap)(\/|$)/
// Answered without an envelope.
const BARE = /^\/v1\/sys\/(leader|rekey(-recovery-key)?\/(init|update|verify)|generate-root\/(attempt|update)|in-flight-req|internal\/counters|internal\/specs\/openapi)$/

/** The body as it goes out. */
export const bodyOf = (operation: Operation, envelope: Envelope): unknown => {
  const { data } = envelope
  if (data === null || typeof data !== 'object') return envelope
  const form = formOf(operation)
  return form === 'bare' ? data : form === 'injected' ? { ...data, ...envelope } : envelope
}

type Form = 'bare' | 'injected' | 'envelope'

/** Contracts do not change: what their paths mean is worked out once. */
const forms = new WeakMap<Operation, Form>()

const formOf = (operation: Operation): Form => {
  const known = forms.get(operation)
  if (known !== undefined) return known
  const form = operation.bare === true || BARE.test(operation.path) ? 'bare' : INJECTED.test(operation.path) ? 'injected' : 'envelope'
  forms.set(operation, form)
  return form
}

// A wrapped answer goes out as it was, and numbers of the server in a form that is not Vault's.
const TEXTS: ReadonlySet<string> = new Set(['system.unwrap', 'system.metrics'])

/** The type of an answer that is no envelope. */
export const typeOf = (operation: Operation, envelope: Envelope | undefined, fallback: string): string => {
  const data = envelope?.data
  return operation.id === 'system.metrics' && data !== null && typeof data === 'object' && 'content_type' in data && typeof data.content_type === 'string' ? data.content_type : fallback
}

export const unwrapped = (operation: Operation, { data }: Envelope): string | undefined =>
  TEXTS.has(operation.id) && data !== null && typeof data === 'object' && 'response' in data && typeof data.response === 'string' ? data.response : undefined
