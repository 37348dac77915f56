// coffer operator rekey ... | generate-root ...: what people do together with their shares. Each gives one, from a terminal
// of their own; nobody needs to see another's.

import type { RekeyAnswer, RekeyStatus, RekeyTarget, RootStatus } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { readLineOrAll } from '../input.ts'
import { askHidden, confirm, isInteractive } from '../prompt.ts'
import { readPgpKeys, readShare } from './operator.ts'

const targetOf = (invocation: Invocation): RekeyTarget => (invocation.has('recovery') ? 'recovery' : 'barrier')

/**
 * A share is given for what its holder means. Ceremonies take no token, so anybody who reaches the server can give one up and start another in
 * its place: the nonce that `start` printed, which the holder has from whoever ran it, names the one that is meant. Without it the holder
 * looks at what is under way and says yes.
 */
const requireMeant = async (invocation: Invocation, cli: Cli, nonce: string, facts: readonly (readonly [string, string])[]): Promise<void> => {
  const meant = invocation.text('nonce')
  if (meant === nonce) return
  if (meant !== undefined) throw misuse('What is under way is not what the nonce names; no share was given.', 'Somebody gave that one up and started another. Ask whoever ran `start` before you give a share.')
  if (!invocation.has('yes') && !isInteractive()) throw misuse('It must be said what the share is for; no share was given.', 'Give --nonce with the nonce that `start` printed.')
  for (const [name, value] of [...facts, ['nonce', nonce] as const]) cli.terminal.note(`${name}: ${value}`)
  if (!(await confirm('Is this what was agreed, with the nonce that `start` printed?', invocation.has('yes')))) throw misuse('No share was given.')
}

const readers = (fingerprints: readonly string[] | null | undefined): string => (fingerprints === undefined || fingerprints === null || fingerprints.length === 0 ? 'nobody: they are shown to whoever gives the last share' : fingerprints.join(', '))

const factsOf = (status: RekeyStatus): readonly (readonly [string, string])[] => [
  ['new shares', `${status.n}, of which ${status.t} are needed`], ['tried before they count', status.verification_required ? 'yes' : 'NO'], ['encrypted to', readers(status.pgp_fingerprints)], ['kept in the database, encrypted', status.backup ? 'yes' : 'no'],
]

const showRekey = (cli: Cli, status: RekeyStatus | RekeyAnswer): void =>
  cli.terminal.show(status, () => cli.terminal.fields([
    ['under way', status.started], ['present shares given', status.required === undefined ? undefined : `${status.progress ?? 0} of ${status.required}`], ['new shares', status.n], ['new threshold', status.t],
    ['encrypted to', status.pgp_fingerprints?.join(', ')], ['verification', status.verification_nonce === undefined ? status.verification_required : 'waits for new shares: coffer operator rekey verify'], ['nonce', status.nonce],
  ]))

const notUnderWay = (): Error => misuse('No rekey is under way.', 'Start one: coffer operator rekey start --shares 5 --threshold 3')

export const rekeyStart: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const pgpKeys = await readPgpKeys(invocation)
  const status = await client.system.rekey.start(targetOf(invocation), {
    secretShares: invocation.whole('shares') ?? 5, secretThreshold: invocation.whole('threshold') ?? 3, pgpKeys, backup: invocation.has('backup'), requireVerification: !invocation.has('no-verify') && !invocation.has('root-only'),
  })
  showRekey(cli, status)
  cli.terminal.note('Tell the holders of present shares the nonce, by another way than this server: each gives it with `rekey share --nonce`.')
  return undefined
}

export const rekeyShare: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const target = targetOf(invocation)
  const status = await client.system.rekey.status(target)
  const { started, nonce } = status
  if (!started) throw notUnderWay()
  await requireMeant(invocation, cli, nonce, factsOf(status))
  const answer = await client.system.rekey.giveShare(target, { nonce, key: await readShare('Present share (not shown): ') })
  if (answer.complete !== true) {
    showRekey(cli, answer)
    return undefined
  }
  cli.terminal.show(answer, () => {
    for (const [index, key] of (answer.keys_base64 ?? []).entries()) cli.terminal.line(`New share ${index + 1}: ${key}`)
    if (answer.verification_nonce !== undefined) cli.terminal.line(`Nonce of the verification: ${answer.verification_nonce}`)
    cli.terminal.note('')
    cli.terminal.note(answer.verification_nonce === undefined ? 'The new root key is in force, and only these shares are.' : 'Nothing has changed yet. Give each share to its person; the threshold of them runs `coffer operator rekey verify --nonce` with the nonce above, and then only these are in force.')
  })
  return undefined
}

export const rekeyVerify: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const target = targetOf(invocation)
  const status = await client.system.rekey.status(target)
  const { started, verification_nonce: nonce } = status
  if (!started || nonce === undefined) throw misuse('No new shares wait to be verified.', 'See: coffer operator rekey status')
  await requireMeant(invocation, cli, nonce, factsOf(status))
  const answer = await client.system.rekey.verify(target, { nonce, key: await readShare('New share (not shown): ') })
  cli.terminal.show(answer, () => cli.terminal.line(answer.complete === true ? 'The new shares are in force. The old ones open nothing any more.' : `${answer.progress ?? 0} of ${answer.t ?? 0} new shares given back`))
  return undefined
}

export const rekeyStatus: Run = async (invocation, cli) => {
  showRekey(cli, await (await cli.session()).client.system.rekey.status(targetOf(invocation)))
  return undefined
}

export const rekeyCancel: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const target = targetOf(invocation)
  await client.system.rekey.cancel(target, (await client.system.rekey.status(target)).nonce)
  cli.terminal.show({ cancelled: true }, () => cli.terminal.line('Given up. The present shares stay in force.'))
  return undefined
}

const showRoot = (cli: Cli, status: RootStatus): void =>
  cli.terminal.show(status, () => cli.terminal.fields([['under way', status.started && !status.complete], ['shares given', `${status.progress} of ${status.required}`], ['nonce', status.nonce], ['encrypted to', status.pgp_fingerprint === '' ? undefined : status.pgp_fingerprint], ['one-time pad', status.otp === '' ? undefined : status.otp], ['covered token', status.encoded_token === '' ? undefined : status.encoded_token]]))

export const rootStart: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const [pgpKey] = await readPgpKeys(invocation)
  const status = await client.system.generateRoot.start(pgpKey === undefined ? {} : { pgpKey })
  showRoot(cli, status)
  cli.terminal.note('Tell the holders of shares the nonce, by another way than this server: each gives it with `generate-root share --nonce`.')
  if (status.otp !== '') cli.terminal.note('Keep the one-time pad: without it nobody reads the token that comes of this.')
  return undefined
}

export const rootShare: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const { started, nonce, pgp_fingerprint: fingerprint } = await client.system.generateRoot.status()
  if (!started) throw misuse('No root token is being made.', 'Start: coffer operator generate-root start')
  await requireMeant(invocation, cli, nonce, [['the root token is for', fingerprint === '' ? 'whoever started this and has the one-time pad' : fingerprint]])
  const status = await client.system.generateRoot.giveShare({ nonce, key: await readShare('Share (not shown): ') })
  showRoot(cli, status)
  if (status.complete) cli.terminal.note('Whoever has the one-time pad reads it: coffer operator generate-root decode')
  return undefined
}

export const rootStatus: Run = async (_invocation, cli) => {
  showRoot(cli, await (await cli.session()).client.system.generateRoot.status())
  return undefined
}

export const rootCancel: Run = async (_invocation, cli) => {
  await (await cli.session()).client.system.generateRoot.cancel()
  cli.terminal.show({ cancelled: true }, () => cli.terminal.line('Given up'))
  return undefined
}

/** Without a server: pad and token never leave the machine. */
export const rootDecode: Run = async (_invocation, cli) => {
  const [encoded = '', pad = ''] = isInteractive() ? [await askHidden('Covered token (not shown): '), await askHidden('One-time pad (not shown): ')] : (await readLineOrAll()).split('\n')
  const bytes = Buffer.from(encoded.trim(), 'base64')
  const key = Buffer.from(pad.trim())
  if (bytes.length === 0 || bytes.length !== key.length) throw misuse('Covered token and one-time pad are not of one length.', 'Two lines on standard input: the covered token, the pad.')
  const token = Buffer.from(bytes.map((byte, at) => byte ^ (key[at] ?? 0))).toString()
  cli.terminal.show({ token }, () => cli.terminal.line(token))
  return undefined
}
