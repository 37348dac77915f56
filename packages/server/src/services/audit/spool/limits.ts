// From what an operator sets (how large a segment, how much in all) to what each writer's spool keeps to. The total wins:
// segments shrink until every writer has one in use, one prepared and two that wait to be shipped.

export interface SpoolLimits {
  readonly segmentBytes: number
  readonly maxSegments: number
  readonly maxWaitingBytes: number
}

const segmentsPerWriter = 4
const mostWaitingBytes = 4 * 1024 * 1024
const smallestSegment = 64 * 1024

export const spoolLimits = (settings: { readonly segmentBytes: number; readonly maxSpoolBytes: number; readonly writers: number }): SpoolLimits => {
  const share = Math.floor(settings.maxSpoolBytes / (settings.writers * segmentsPerWriter))
  const segmentBytes = Math.max(smallestSegment, Math.min(settings.segmentBytes, share))
  return {
    segmentBytes,
    maxSegments: Math.max(settings.writers * segmentsPerWriter, Math.floor(settings.maxSpoolBytes / segmentBytes)),
    // A segment must hold at least two full frames and its head.
    maxWaitingBytes: Math.min(mostWaitingBytes, Math.floor(segmentBytes / 4)),
  }
}
