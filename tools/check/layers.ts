// Who may import whom in packages/server/src, by folder. ARCHITECTURE.md explains the picture that this table enforces.
// A folder may always import itself, and everybody may import `lib`, which knows nothing of what Coffer is about.

export type Layer = {
  imports: readonly string[]
  /** May be imported as types only: compose.ts passes the values. */
  types?: readonly string[]
}

const core = ['lib', 'crypto', 'kernel']
const storing = [...core, 'telemetry']
const stateful = ['storage', 'keyring', 'barrier', 'seal', 'services']
const everything = ['*']

/** `x/*`: each folder below x stands by itself, and its siblings are strangers to it. */
export const layers: Readonly<Record<string, Layer>> = {
  lib: { imports: [] },
  crypto: { imports: ['lib'] },
  kernel: { imports: ['lib', 'crypto/secret'] },
  telemetry: { imports: ['lib', 'kernel'] },
  config: { imports: ['lib', 'kernel'] },
  storage: { imports: storing },
  keyring: { imports: [...storing, 'storage'] },
  barrier: { imports: [...storing, 'storage', 'keyring'] },
  seal: { imports: storing },
  'services/*': { imports: storing },
  'engines/*': { imports: core },
  'auth/*': { imports: core },
  'platform/*': { imports: core },
  // The list of all contracts.
  'platform/contracts': { imports: [...core, 'platform', 'system/operations'] },
  'sync/*': { imports: core },
  system: { imports: storing, types: stateful },
  request: { imports: storing, types: stateful },
  api: { imports: ['lib', 'kernel', 'request'] },
  catalog: { imports: ['kernel', 'engines', 'auth', 'seal', 'sync', 'platform', 'system', 'services/audit/sinks'] },
  compose: { imports: everything },
  main: { imports: everything },
  worker: { imports: everything },
  supervisor: { imports: everything },
}

/** Drivers and frameworks stay where they are wrapped. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['crypto'],
  'node:worker_threads': ['crypto', 'supervisor'],
  jose: ['crypto'],
  oauth4webapi: ['auth/jwt'],
  ldapts: ['compose/directory'],
  openpgp: ['crypto'],
  pg: ['storage', 'engines/database/drivers'],
  ajv: ['kernel', 'config'],
  fastify: ['api'],
  '@grpc/grpc-js': ['api'],
  '@grpc/proto-loader': ['api'],
}

/** The layer of a file below packages/server/src: `services/policy/acl/rule.ts` belongs to `services/policy`. */
export function layerOf(path: string): { name: string; layer: Layer | undefined } {
  const [first = '', second = ''] = path.replace(/\.ts$/, '').split('/')
  const one = layers[`${first}/${second}`]
  if (one !== undefined) return { name: `${first}/${second}`, layer: one }
  const star = layers[`${first}/*`]
  return star === undefined ? { name: first, layer: layers[first] } : { name: `${first}/${second}`, layer: star }
}

function covers(allowed: readonly string[], target: string): boolean {
  const bare = target.replace(/\.ts$/, '')
  return allowed.some((place) => place === '*' || bare === place || bare.startsWith(`${place}/`))
}

/** Why a file may not import another (both below packages/server/src), or undefined when it may. */
export function refusal(from: string, to: string, isType: boolean): string | undefined {
  const { name, layer } = layerOf(from)
  if (layer === undefined) return `${name} is not in the table of layers (tools/check/layers.ts)`
  if (to.startsWith('crypto/hazmat/') && name !== 'crypto') return 'crypto/hazmat is for crypto only'
  if (layerOf(to).name === name || covers(layer.imports, to)) return undefined
  if (!covers(layer.types ?? [], to)) return `${name} may not import ${layerOf(to).name}`
  return isType ? undefined : `${name} may import ${layerOf(to).name} as types only`
}

export function packageRefusal(from: string, name: string): string | undefined {
  const homes = packageHomes[name]
  return homes === undefined || covers(homes, from) ? undefined : `${name} is imported only in ${homes.join(', ')}`
}
