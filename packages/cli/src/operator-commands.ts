// Commands for whoever runs a server: its seal, its shares, its keys.

import type { Command, Flags } from './command.ts'

const ceremony = () => import('./commands/ceremony.ts')
const operator = () => import('./commands/operator.ts')
const slots = () => import('./commands/slots.ts')

const yes: Flags = { yes: { type: 'switch', short: 'y', describe: 'Do not ask' } }
const sharing: Flags = { shares: { type: 'whole', value: 'N', describe: 'Shares to make (5)' }, threshold: { type: 'whole', value: 'N', describe: 'Shares that are needed (3)' } }
const pgpKey: Flags = { 'pgp-key': { type: 'list', value: 'FILE', describe: 'OpenPGP public key to encrypt to; one for each share' } }
const recovery: Flags = { recovery: { type: 'switch', describe: 'The recovery shares of a server that opens with a key file' } }
const meant: Flags = { nonce: { type: 'text', value: 'NONCE', describe: 'What the share is for: the nonce that was printed when it began' }, yes: { type: 'switch', short: 'y', describe: 'Give it for whatever is under way, without asking' } }
const keyFiles: Flags = { 'key-file': { type: 'list', value: 'PATH', describe: 'File on the server that opens another slot which stays' } }

export const operatorCommands: readonly Command[] = [
  { words: ['operator', 'init'], summary: 'Initialise a server; prints the unseal shares and the first token once', details: 'Of a server that opens with a key file, the shares are for recovery.', flags: { ...sharing, ...pgpKey }, load: async () => (await operator()).init },
  { words: ['operator', 'unseal'], summary: 'Give one share, typed unseen or from standard input', flags: { reset: { type: 'switch', describe: 'Start the attempt again' } }, load: async () => (await operator()).unseal },
  {
    words: ['operator', 'rekey', 'start'], summary: 'Start to replace the shares, and the root key with them',
    details: 'A threshold of the present shares is then given with `rekey share`; the last of these prints the new ones. Nothing changes until a threshold of the new ones was given back with `rekey verify`.',
    flags: { ...sharing, ...pgpKey, ...recovery, backup: { type: 'switch', describe: 'Keep the encrypted shares in the database, too (with --pgp-key)' }, 'no-verify': { type: 'switch', describe: 'Put the new shares in force at once' }, 'root-only': { type: 'switch', describe: 'Of a server that opens with a key file: a new root key and no shares' } },
    examples: ['coffer operator rekey start --shares 5 --threshold 3', 'coffer operator rekey start --shares 2 --threshold 2 --pgp-key ann.asc --pgp-key bob.asc'], load: async () => (await ceremony()).rekeyStart,
  },
  { words: ['operator', 'rekey', 'share'], summary: 'Give a present share, typed unseen or from standard input', flags: { ...recovery, ...meant }, load: async () => (await ceremony()).rekeyShare },
  { words: ['operator', 'rekey', 'verify'], summary: 'Give a new share back, typed unseen or from standard input', flags: { ...recovery, ...meant }, load: async () => (await ceremony()).rekeyVerify },
  { words: ['operator', 'rekey', 'status'], summary: 'How far a rekey has come', flags: recovery, load: async () => (await ceremony()).rekeyStatus },
  { words: ['operator', 'rekey', 'cancel'], summary: 'Give a rekey up; the present shares stay in force', flags: recovery, load: async () => (await ceremony()).rekeyCancel },
  { words: ['operator', 'generate-root', 'start'], summary: 'Start to make a root token; prints the one-time pad that will cover it', flags: { 'pgp-key': { type: 'list', value: 'FILE', describe: 'OpenPGP public key to encrypt the token to, instead of a pad' } }, load: async () => (await ceremony()).rootStart },
  { words: ['operator', 'generate-root', 'share'], summary: 'Give a share for it; the last one prints the covered token', flags: meant, load: async () => (await ceremony()).rootShare },
  { words: ['operator', 'generate-root', 'decode'], summary: 'Read a covered token with its one-time pad, without a server', load: async () => (await ceremony()).rootDecode },
  { words: ['operator', 'generate-root', 'status'], summary: 'How far it has come', load: async () => (await ceremony()).rootStatus },
  { words: ['operator', 'generate-root', 'cancel'], summary: 'Give it up', load: async () => (await ceremony()).rootCancel },
  { words: ['operator', 'slots', 'list'], summary: 'List the ways in which the root key can be opened', load: async () => (await slots()).list },
  {
    words: ['operator', 'slots', 'add'], summary: 'Add shares, or a key file on the server',
    flags: { ...sharing, ...pgpKey, 'key-file': { type: 'text', value: 'PATH', describe: 'Absolute path on the server, where no file is yet' } }, examples: ['coffer operator slots add --shares 5 --threshold 3', 'coffer operator slots add --key-file /etc/coffer/second.key'], load: async () => (await slots()).add,
  },
  { words: ['operator', 'slots', 'remove'], args: ['SLOT'], summary: 'Remove a slot and rotate the root key; the shares of those that stay are asked for', flags: { ...keyFiles, ...yes }, load: async () => (await slots()).remove },
  { words: ['operator', 'rotate-root'], summary: 'Make a new root key in the same slots; their shares are asked for', flags: keyFiles, load: async () => (await slots()).rotateRoot },
  { words: ['operator', 'rotate'], summary: 'Make a new key-encryption key for the organization', flags: { rewrap: { type: 'switch', describe: 'Re-wrap the keys of existing versions now' } }, load: async () => (await slots()).rotate },
  { words: ['operator', 'seal'], summary: 'Drop the keys: nothing can be read until it is unsealed', flags: yes, load: async () => (await operator()).seal },
  { words: ['operator', 'status'], summary: 'Whether the server is initialised and unsealed (exit code 7 if not)', load: async () => (await operator()).status },
]
