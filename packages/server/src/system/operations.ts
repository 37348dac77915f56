// Contracts of operations on the server itself.

import { f } from '../kernel/fields.ts'
import { operation } from '../kernel/operation.ts'

const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const

export const seal = operation({
  id: 'system.seal', method: 'PUT', path: '/v1/sys/seal', tag: 'system', access: 'policy', scope: 'server', audit: 'system.seal', work: 'write', status: 204,
  summary: 'Seal the server: every worker is replaced by one that never saw a key', input: {}, output: {}, errors: common,
})

export const doctor = operation({
  id: 'system.doctor', method: 'GET', path: '/api/v1/system/doctor', tag: 'system', access: 'policy', scope: 'server', audit: 'system.doctor', work: 'list',
  summary: 'Check the installation: database, audit spool, clocks, key file', input: {},
  output: { checks: f.list('Checks', f.object('A check', { name: f.text('What', { max: 64 }), state: f.choice('ok, warning or problem', ['ok', 'warning', 'problem']), message: f.text('What was found and what to do', { max: 1024 }) }), { max: 100 }) },
  errors: common,
})

/** A path that no mount handles: who may not know that is refused as for any other path. */
export const unknownPath = operation({
  id: 'vault.unknownPath', method: 'GET', path: '/v1/:path+', tag: 'system', access: 'policy', audit: 'vault.unknown-path', work: 'read',
  summary: 'Answer for a path below no mount', input: { path: f.text('Path', { max: 8192 }), why: f.choice('What is unknown', ['route', 'path', 'verb']), verb: f.choice('What was asked', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'LIST']), engine: f.text('Engine of the mount', { max: 64 }), within: f.text('Path below the mount', { max: 8192 }) }, output: {}, errors: [...common, 'not_found'],
})

const sealErrors = [...common, 'not_found', 'conflict'] as const
const slotId = f.text('Slot', { max: 36, min: 1 })
const share = f.secret('Share, hexadecimal or base64', { max: 1024 })
const givenShares = f.list('Shares that open the slots of shares that stay', share, { max: 255 }).default([])
const givenKeyFiles = f.list('Key files on the server that open slots which stay, besides the one that it is set up with', f.text('Path', { max: 4096 }), { max: 32 }).default([])
const rotated = { generation: f.int('Of the root key that is now in force', { min: 1, max: 2 ** 31 }) }

export const listSlots = operation({
  id: 'seal.listSlots', method: 'GET', path: '/api/v1/seal/slots', tag: 'seal', access: 'policy', scope: 'server', audit: 'seal.slots-list', work: 'read', summary: 'The ways in which the root key can be opened', input: {},
  output: {
    slots: f.list('Slots', f.object('A slot', {
      id: slotId, kind: f.text('shamir or keyfile', { max: 32 }), shares: f.int('Shares there are', { min: 0, max: 255 }).nullable(), threshold: f.int('Shares that open it', { min: 0, max: 255 }).nullable(),
      generation: f.int('Of the root key that it holds', { min: 1, max: 2 ** 31 }), replaced: f.bool('Old shares, valid until the new ones are known to have arrived'),
    }), { max: 1000 }),
  },
  errors: sealErrors,
})

export const addSlot = operation({
  id: 'seal.addSlot', method: 'POST', path: '/api/v1/seal/slots', tag: 'seal', access: 'policy', scope: 'server', audit: 'seal.slot-add', work: 'write', status: 201, summary: 'Add a way to open the root key',
  description: 'Of a slot of shares, these are shown once: raw as base64, or encrypted to the OpenPGP keys. Of a key file, its path on the server is given, where no file may be yet.',
  input: {
    kind: f.choice('shamir or keyfile', ['shamir', 'keyfile']), shares: f.int('Shares to make', { min: 1, max: 255 }).optional(), threshold: f.int('Shares that open it', { min: 1, max: 255 }).optional(),
    pgpKeys: f.list('As many OpenPGP keys as shares: base64 of the binary key', f.text('Key', { max: 100_000 }), { max: 255 }).default([]), keyFile: f.text('Absolute path of the file to make on the server', { max: 4096, pattern: '^/' }).optional(),
  },
  output: { id: slotId, shares: f.list('Shares, once', f.secret('Share, base64', { max: 8192 }), { max: 255 }) }, errors: sealErrors,
})

export const removeSlot = operation({
  id: 'seal.removeSlot', method: 'POST', path: '/api/v1/seal/slots/:id/remove', tag: 'seal', access: 'policy', scope: 'server', audit: 'seal.slot-remove', work: 'write', summary: 'Remove a slot, and rotate the root key that it opened',
  input: { id: slotId, shares: givenShares, keyFiles: givenKeyFiles }, output: rotated, errors: sealErrors,
})

export const rotateRoot = operation({
  id: 'seal.rotateRoot', method: 'POST', path: '/api/v1/seal/rotate', tag: 'seal', access: 'policy', scope: 'server', audit: 'seal.rotate', work: 'write', summary: 'Make a new root key, in the same slots',
  input: { shares: givenShares, keyFiles: givenKeyFiles }, output: rotated, errors: sealErrors,
})
