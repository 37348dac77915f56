// What sys/audit asks of the audit service, filled by compose.

import type { Secret } from '../../crypto/secret.ts'
import type { Call, Grant } from '../../kernel/call.ts'

export interface ShownDevice {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>>
  readonly local: boolean
}

export interface DeviceCommand extends ShownDevice {
  readonly type: 'file' | 'socket' | 'syslog'
}

export interface AuditDevicesPort {
  list(): Promise<readonly ShownDevice[]>
  /** @throws invalid_request for options that do not fit, and for a device that cannot be written to */
  enable(grant: Grant, call: Call, command: DeviceCommand): Promise<void>
  disable(grant: Grant, call: Call, path: string): Promise<void>
  /** A value as the device's records name it; undefined: no such device. */
  hash(orgId: string, path: string, input: Secret<string>): Promise<string | undefined>
}
