// The one service behind every contract over secrets.

import type { SecretsPort } from '../../kernel/secrets.ts'
import { compare } from './compare.ts'
import * as lifecycle from './lifecycle.ts'
import type { SecretPorts } from './ports.ts'
import * as reading from './reading.ts'
import { put, putMany, type PutPorts } from './write.ts'
import { Writing } from './writing/writing.ts'

export const makeSecrets = (given: SecretPorts): SecretsPort => secretsOf({ ...given, writing: new Writing(given) })

const secretsOf = (ports: PutPorts): SecretsPort => ({
  put: (access, command) => put(ports, access, command),
  putMany: (writes) => putMany(ports, writes),
  register: (access, command) => lifecycle.register(ports, access, command),
  reveal: (access, selector) => reading.reveal(ports, access, selector),
  revealAll: (access, options) => reading.revealAll(ports, access, options),
  metadata: (access, options) => reading.metadata(ports, access, options),
  list: (access, page) => reading.list(ports, access, page),
  children: (access, page) => reading.children(ports, access, page),
  environmentsInUse: (access) => reading.environmentsInUse(ports, access),
  history: (access, page) => reading.history(ports, access, page),
  promote: (access, command) => lifecycle.promote(ports, access, command),
  setAlias: (access, command) => lifecycle.setAlias(ports, access, command),
  rollback: (access, command) => lifecycle.rollback(ports, access, command),
  disable: (access, command) => lifecycle.disable(ports, access, command),
  enable: (access, command) => lifecycle.enable(ports, access, command),
  destroy: (access, command) => lifecycle.destroy(ports, access, command),
  setVersionsDeleted: (access, command) => lifecycle.setVersionsDeleted(ports, access, command),
  remove: (access) => lifecycle.remove(ports, access),
  restore: (access) => lifecycle.restore(ports, access),
  purge: (access) => lifecycle.purge(ports, access),
  updateMetadata: (access, patch) => lifecycle.updateMetadata(ports, access, patch),
  compare: (access, values, options) => compare(ports, access, values, options),
  locate: (orgId, secretId) => reading.locate(ports, orgId, secretId),
})
