// The worker's end of the seal: the port that doors see, answered by the supervisor.

import type { InitRequest, InitResult, SealControl, SealStatus } from '../../kernel/ports/seal-control.ts'
import type { ProcessSnapshot } from '../../telemetry/metrics.ts'
import type { Channel } from './channel.ts'
import { decodeInitResult, decodeJson, encodeJson, operation } from './protocol.ts'

export const remoteSealControl = (channel: Channel): SealControl => ({
  async status(): Promise<SealStatus> {
    return decodeJson(await channel.request(operation.sealStatus))
  },
  async initialise(request: InitRequest): Promise<InitResult> {
    return decodeInitResult(await channel.request(operation.initialise, encodeJson(request)))
  },
  async submitShare(share: Buffer): Promise<SealStatus> {
    return decodeJson(await channel.request(operation.submitShare, share))
  },
  async resetUnseal(): Promise<SealStatus> {
    return decodeJson(await channel.request(operation.resetUnseal))
  },
  async seal(): Promise<void> {
    await channel.request(operation.seal)
  },
})

/** The numbers of all processes of this server, for whichever worker was asked. */
export const remoteMetrics = (channel: Channel) => async (): Promise<readonly ProcessSnapshot[]> => decodeJson(await channel.request(operation.collectMetrics))
