// sys/init: the first shares and the first token, in Vault's form and with its refusals. Where the server opens by itself,
// shares are for recovery.

import { fail } from '../../kernel/errors.ts'
import type { InitRequest, Recipient } from '../../kernel/ports/seal-control.ts'
import { wipe } from '../../lib/bytes.ts'
import type { Answer, SystemDoorOptions } from './system-door.ts'

type Body = Readonly<Record<string, unknown>>

const integer = (body: Body, name: string): number => {
  const value = body[name]
  if (value === undefined || value === null) return 0
  const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 255) throw fail('invalid_request', 'request.invalid_field', `${name} must be a whole number from 0 to 255`, { field: name })
  return number
}

const longestKey = 100_000

/** Clients send a list; a comma list is what Vault's own coercion would take. */
const texts = (body: Body, name: string): readonly string[] => {
  const value = body[name]
  if (value === undefined || value === null || value === '') return []
  const list: unknown = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(list) || list.length > 255 || !list.every((each) => typeof each === 'string' && each.length <= longestKey)) throw fail('invalid_request', 'request.invalid_field', `${name} must be a list of at most 255 texts`, { field: name })
  return list.map(String)
}

interface Wanted {
  readonly shares: number
  readonly threshold: number
  readonly keys: readonly string[]
}

const wantedOf = (body: Body, prefix: string, keys: string): Wanted => ({ shares: integer(body, `${prefix}_shares`), threshold: integer(body, `${prefix}_threshold`), keys: texts(body, keys) })

/** Vault names what does not apply to the kind of seal. */
const refuse = (wanted: Wanted, prefix: string, keys: string, type: string): void => {
  const given = [...(wanted.shares === 0 ? [] : [`${prefix}_shares`]), ...(wanted.threshold === 0 ? [] : [`${prefix}_threshold`]), ...(wanted.keys.length === 0 ? [] : [keys])]
  if (given.length > 0) throw fail('invalid_request', 'seal.not_applicable', `parameters ${given.join(',')} not applicable to seal type ${type}`, { field: given[0] ?? prefix })
}

const recipientsOf = async ({ keys, shares }: Wanted, field: string, options: SystemDoorOptions): Promise<readonly Recipient[]> => {
  if (keys.length === 0) return []
  if (keys.length !== shares) throw fail('invalid_request', 'seal.key_count', field === 'pgp_keys' ? 'incorrect number of PGP keys' : 'incorrect number of PGP keys for recovery', { field })
  return options.readRecipients(keys, field)
}

const requestOf = async (body: Body, options: SystemDoorOptions): Promise<InitRequest> => {
  const { initialized, recoverySeal, type } = await options.control.status()
  if (initialized) throw fail('invalid_request', 'seal.already_initialised', 'Vault is already initialized')
  const own = wantedOf(body, 'secret', 'pgp_keys')
  const recovery = wantedOf(body, 'recovery', 'recovery_pgp_keys')
  integer(body, 'stored_shares')
  const tokenKey = texts(body, 'root_token_pgp_key')
  const tokenRecipient = async (): Promise<Recipient | undefined> => (tokenKey.length === 0 ? undefined : (await options.readRecipients(tokenKey.slice(0, 1), 'root_token_pgp_key'))[0])
  if (recoverySeal) {
    refuse(own, 'secret', 'pgp_keys', type)
    const recipients = await recipientsOf(recovery, 'recovery_pgp_keys', options)
    // Without any, the key file is the one way in; shares can be added later.
    const asked = recovery.shares === 0 && recovery.threshold === 0 ? {} : { recovery: { shares: recovery.shares, threshold: recovery.threshold, recipients } }
    return { shares: 1, threshold: 1, ...asked, tokenRecipient: await tokenRecipient() }
  }
  refuse(recovery, 'recovery', 'recovery_pgp_keys', type)
  return { shares: own.shares, threshold: own.threshold, recipients: await recipientsOf(own, 'pgp_keys', options), tokenRecipient: await tokenRecipient() }
}

export const init: Answer = async (exchange, body, options) => {
  if (exchange.request.method === 'GET') return { status: 200, body: { initialized: (await options.control.status()).initialized } }
  const result = await options.control.initialise(await requestOf(body, options))
  const both = (shares: readonly Buffer[]): readonly [hex: readonly string[], base64: readonly string[]] => [shares.map((share) => share.toString('hex')), shares.map((share) => share.toString('base64'))]
  try {
    const [keys, base64] = both(result.shares)
    const [recoveryKeys, recoveryBase64] = both(result.recoveryShares)
    return { status: 200, body: { keys, keys_base64: base64, ...(recoveryKeys.length === 0 ? {} : { recovery_keys: recoveryKeys, recovery_keys_base64: recoveryBase64 }), root_token: result.rootToken } }
  } finally {
    for (const share of [...result.shares, ...result.recoveryShares]) wipe(share)
  }
}
