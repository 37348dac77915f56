// The answer of a batch, compiled: all of it stays the same as long as the cached folder does, so that it is made once and kept encrypted.

import { makeBase62 } from '../../crypto/random.ts'
import type { Caller, Grant } from '../../kernel/call.ts'
import type { SecretAddress } from '../../kernel/secret-model.ts'
import type { Revealed } from '../../kernel/secrets.ts'
import type { KeptAnswer, WarmSecret } from '../../kernel/warm.ts'
import { wipe } from '../../lib/bytes.ts'
import { newRequestId } from '../message.ts'
import { eventOf } from '../recording.ts'
import type { AnswerHead } from '../template.ts'
import type { WarmPorts } from '../warm.ts'
import type { BatchPlan, Material } from './batch-plan.ts'
import { WARM_STATUS } from './turn.ts'

interface Shown<Loaded> {
  readonly address: SecretAddress
  readonly loaded: Loaded
}

/** With the door's head before it, in which the id and the date are not written yet. */
interface Headed {
  readonly head: AnswerHead
  readonly kept: KeptAnswer
  readonly idAt: number
  readonly dateAt: number
}

export interface Compiled<Loaded> {
  readonly kept: KeptAnswer
  headed: Headed | undefined
  readonly contentLength: string
  /** The secrets in it. */
  readonly shown: readonly Shown<Loaded>[]
  /** Of their records, as UTF-8. */
  readonly targets: readonly Uint8Array[]
}

interface OpenFacts {
  readonly grant: Grant
  readonly now: number
  readonly caller: Caller
}

interface Found<Loaded> extends Shown<Loaded> {
  readonly revealed: Revealed
}

/** Undefined when a plan cannot answer as the handler would. @throws what a reveal throws, and what the handler would */
export const compileBatch = <Loaded extends WarmSecret>(ports: Pick<WarmPorts<Loaded>, 'secrets' | 'pieces'>, plan: BatchPlan<Loaded>, { items }: Material<Loaded>, { grant, now, caller }: OpenFacts): Compiled<Loaded> | undefined => {
  const facts = { selector: plan.alias, now }
  const found: Found<Loaded>[] = []
  try {
    for (const { path, secret, failure } of items) {
      if (failure !== undefined) return undefined
      const address = { ...plan.folder, path }
      if (secret !== undefined && ports.secrets.isReadable(address, secret, facts)) found.push({ address, loaded: secret, revealed: ports.secrets.open(grant, address, secret, facts) })
    }
    // What it takes in memory was reckoned with so many.
    const answer = found.length === plan.secrets ? render(plan, found) : undefined
    if (answer === undefined) return undefined
    const kept = ports.secrets.keep(answer)
    wipe(answer)
    const recorded = { orgId: plan.folder.orgId, requestId: '', door: plan.door, sourceIp: undefined, caller }
    return {
      kept,
      headed: undefined,
      contentLength: String(kept.length),
      shown: found.map(({ address, loaded }) => ({ address, loaded })),
      targets: inOwnMemory(found.map(({ address: { project, environment, path }, revealed }) => ports.pieces.target(eventOf(recorded, { project, environment, path, version: revealed.version.version, resourceType: 'secret', resourceId: revealed.snapshot.secret.secretId }, { action: plan.batch.action, status: WARM_STATUS, at: 0 })))),
    }
  } finally {
    for (const { revealed } of found) wipe(revealed.plaintext)
  }
}

/** Pieces of Node's shared slabs would keep them. */
const inOwnMemory = (texts: readonly string[]): readonly Uint8Array[] => {
  const all = Buffer.allocUnsafeSlow(texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0))
  let at = 0
  return texts.map((text) => {
    const from = at
    at += all.write(text, at, 'utf8')
    return all.subarray(from, at)
  })
}

const MARKER_BYTES = 16

/** Undefined when the request's id is part of it: then it is another answer each time. */
const render = <Loaded extends WarmSecret>({ batch, input, folder, form }: BatchPlan<Loaded>, found: readonly Found<Loaded>[]): Buffer | undefined => {
  const values = found.map(({ address, revealed }) => ({ path: address.path, type: revealed.type, version: revealed.version.version, text: revealed.plaintext.toString('utf8') }))
  const id = makeBase62(MARKER_BYTES)
  const text = form.render(batch.answer(input, folder, values), `req_${id}`)
  return text.includes(id) ? undefined : Buffer.from(text, 'utf8')
}

/** The same behind the door's head, kept as one piece: it is opened as what leaves. */
export const headed = <Loaded extends WarmSecret>({ secrets }: Pick<WarmPorts<Loaded>, 'secrets'>, compiled: Compiled<Loaded>, { grant, head, contentType }: { readonly grant: Grant; readonly head: AnswerHead; readonly contentType: string }): Headed => {
  if (compiled.headed?.head === head) return compiled.headed
  // Both are always as long as these.
  const id = newRequestId()
  const date = head.date()
  const text = head.text({ contentType, contentLength: compiled.contentLength, id, date })
  const body = compiled.kept.open(grant)
  const whole = Buffer.concat([Buffer.from(text, 'latin1'), body])
  compiled.headed = { head, kept: secrets.keep(whole), idAt: text.indexOf(id), dateAt: text.indexOf(date) }
  wipe(body)
  wipe(whole)
  return compiled.headed
}
