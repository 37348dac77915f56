// What sys/quotas asks of the services.

import type { Call, Grant } from '../../kernel/call.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import type { QuotaConfig } from '../../services/quotas/book.ts'
import type { QuotaRow, QuotaType } from '../../services/quotas/rows.ts'
import type { QuotaCommand } from '../../services/quotas/store.ts'

export interface QuotasPort {
  registry(orgId: string): Promise<OrgRegistry>
  list(call: Call, type: QuotaType): Promise<readonly QuotaRow[]>
  find(call: Call, type: QuotaType, name: string): Promise<QuotaRow | undefined>
  put(grant: Grant, call: Call, command: QuotaCommand): Promise<void>
  remove(grant: Grant, call: Call, type: QuotaType, name: string): Promise<void>
  config(): QuotaConfig
  configure(grant: Grant, call: Call, config: QuotaConfig): Promise<void>
}
