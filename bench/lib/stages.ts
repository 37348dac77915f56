// A CPU profile by stage: each sample goes to the innermost frame of its stack that a stage claims.

import type { CpuProfile, Frame, ProfileNode } from './profile-report.ts'

interface Stage {
  readonly name: string
  readonly claims: RegExp
}

const SHIPPING = 'audit: shipping to PostgreSQL'

/** Matched against `function file`, innermost frame first. */
const stages: readonly Stage[] = [
  { name: 'garbage collection', claims: /^\(garbage collector\)/ },
  { name: 'idle', claims: /^\(idle\)/ },
  { name: 'profiler', claims: /inspector|profile-hook/ },
  { name: SHIPPING, claims: /services\/audit\/shipping|services\/audit\/spool\/reader|\/pg\/|\/pg-|pg-protocol|storage\/(pool|transaction)/ },
  { name: 'audit: the frame (write, fdatasync, HMAC)', claims: /services\/audit\/spool/ },
  { name: 'audit: the record', claims: /services\/audit\/records|makeUuidV7/ },
  { name: 'freshness and database time', claims: /services\/freshness/ },
  { name: 'token look-up', claims: /cacheKeyOf|compose\/authority/ },
  { name: 'policy decision', claims: /services\/policy/ },
  { name: 'decryption', claims: /crypto\/aead|hazmat|services\/secrets/ },
  { name: 'assembling the answer', claims: /request\/template|lib\/json-text/ },
  { name: 'the plan itself', claims: /request\/|lib\/recent|compose\/metrics|telemetry\/metrics/ },
  { name: 'our HTTP door', claims: /api\/|fastify|find-my-way|platform\/|kernel\// },
  { name: 'Node\'s HTTP and sockets', claims: /node:_http|node:net|node:internal\/(stream|streams|http|net|timers)|node:events|node:internal\/process|node:internal\/async|node:buffer|node:internal\/buffer/ },
]

const describe = ({ functionName, url }: Frame): string => `${functionName} ${url.replace(/^.*\/packages\/server\/src\//, '')}`

/** Microseconds by stage. */
export const stageTimes = (profile: CpuProfile): ReadonlyMap<string, number> => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const known = new Map<number, string>()
  const stageOf = (node: ProfileNode): string => {
    const cached = known.get(node.id)
    if (cached !== undefined) return cached
    const found = stages.find(({ claims }) => claims.test(describe(node.callFrame)))?.name
    const parent = nodes.get(parents.get(node.id) ?? -1)
    const outer = parent === undefined ? 'outside JavaScript' : stageOf(parent)
    // Whatever shipping calls is shipping.
    const stage = outer === SHIPPING ? outer : (found ?? outer)
    known.set(node.id, stage)
    return stage
  }
  const times = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const node = nodes.get(id)
    if (node === undefined) return
    const stage = stageOf(node)
    times.set(stage, (times.get(stage) ?? 0) + Math.max(0, profile.timeDeltas[index + 1] ?? 0))
  })
  return times
}
