// What a change of metadata needs besides the right to write: who owns a secret and how long its versions live is not for
// everybody who may set its value (docs/guides/policies.md).

import type { MetadataPatch, SecretAccess } from '../../kernel/secrets.ts'
import type { SecretSettings, Snapshot } from '../../kernel/secret-model.ts'

const differs = (before: SecretSettings, after: SecretSettings): boolean =>
  (before.maxVersions ?? 0) !== (after.maxVersions ?? 0) || (before.casRequired ?? false) !== (after.casRequired ?? false) || (before.deleteVersionAfterSeconds ?? 0) !== (after.deleteVersionAfterSeconds ?? 0)

/**
 * Asks for what the patch needs of a secret that exists. Keeping fewer versions destroys the oldest, so that in a protected
 * environment it needs the right to destroy. @throws permission_denied
 */
export const requireMetadataRights = (access: SecretAccess, { secret }: Snapshot, patch: MetadataPatch): void => {
  const settings = { ...secret.settings, ...patch.settings }
  if ((patch.ownerTeam === undefined || patch.ownerTeam === secret.ownerTeam) && !differs(secret.settings, settings)) return
  const { resource } = access.authorise('administer')
  const keep = settings.maxVersions ?? 0
  const kept = secret.settings.maxVersions ?? 0
  if (resource.protected === true && keep > 0 && (kept === 0 || keep < kept)) access.authorise('destroy')
}
