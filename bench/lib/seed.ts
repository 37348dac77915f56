// Data of real sizes: values from 20 bytes to 4 KiB, thirty of them in one environment.

import { ask } from './ask.ts'
import { rootToken } from './server.ts'

export const sizes = [20, 100, 500, 1024, 4096] as const

export const call = async (origin: string, method: string, path: string, body?: object, token = rootToken): Promise<Record<string, unknown>> => {
  const { status, text } = await ask(`${origin}${path}`, { method, headers: { 'x-vault-token': token, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, body: body === undefined ? undefined : JSON.stringify(body) })
  if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 200)}`)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
export const valueOf = (size: number): string => Array.from({ length: size }, (_, index) => letters[(index * 7 + size) % letters.length]).join('')

/** A token of a service with a policy of its own: what workloads have, where root would pass by every rule. */
export const makeReader = async (origin: string, root = rootToken, resources: readonly string[] = ['dev/*', 'prod/*']): Promise<string> => {
  await call(origin, 'PUT', '/api/v1/policies/bench-readers', { kind: 'json', body: JSON.stringify({ effect: 'allow', principal: 'service:bench', actions: ['secrets:read', 'secrets:export'], resources }) }, root)
  const made = await call(origin, 'POST', '/api/v1/tokens', { name: 'bench' }, root)
  return String((made['data'] as { token: string }).token)
}

export const seed = async (origin: string, root = rootToken): Promise<void> => {
  for (const size of sizes) {
    await call(origin, 'POST', `/api/v1/secrets/app/value-${size}?environment=dev`, { value: valueOf(size) }, root)
    await call(origin, 'POST', `/v1/secret/data/dev/kv/value-${size}`, { data: { value: valueOf(size) } }, root)
  }
  for (let index = 0; index < 30; index++) await call(origin, 'POST', `/api/v1/secrets/batch/SECRET_${index}?environment=prod`, { value: valueOf(sizes[index % sizes.length] ?? 20) }, root)
}
