import { del, get, list, post, type Area } from '../steps.ts'

const at = 'sys/quotas/rate-limit'

export const quotas: Area = {
  name: 'quotas',
  steps: [
    post('sys/auth/quota-people', { type: 'userpass' }),
    list(at),
    get(`${at}/one`),
    get('sys/quotas/config'),
    post(`${at}/one`, { rate: 1_000_000 }),
    get(`${at}/one`),
    list(at),
    post(`${at}/two`, { rate: 3 }),
    post(`${at}/two`, { rate: 0, path: 'secret' }),
    post(`${at}/two`, {}),
    post(`${at}/two`, { rate: 5, path: 'nowhere' }, { note: 'no mount' }),
    post(`${at}/two`, { rate: 5, path: 'secret', inheritable: true }, { note: 'inheritable' }),
    post(`${at}/two`, { rate: 5, inheritable: false }, { note: 'not inheritable' }),
    post(`${at}/two`, { rate: 5, path: 'secret', role: 'x' }, { note: 'no auth' }),
    post(`${at}/two`, { rate: 5, path: 'auth/quota-people', role: 'x' }, { note: 'no roles' }),
    post(`${at}/two`, { rate: 5, path: 'auth/quota-people/login', role: 'x' }, { note: 'path and role' }),
    post(`${at}/two`, { rate: 5, path: 'secret', group_by: 'none' }, { note: 'grouping' }),
    post(`${at}/two`, { rate: 5, path: 'secret', group_by: 'what' }, { note: 'unknown grouping' }),
    post(`${at}/two`, { rate: 5, path: 'secret', secondary_rate: 3 }, { note: 'secondary' }),
    post(`${at}/two`, { rate: 100_000.5, path: 'secret/data/quota/*', interval: '1m', block_interval: '5s' }),
    get(`${at}/two`),
    post(`${at}/three`, { rate: 1, path: 'secret/data/quota-three', interval: '10m' }),
    get('secret/data/quota-three'),
    get('secret/data/quota-three', { note: 'one too many' }),
    del(`${at}/three`),
    get('secret/data/quota-three', { note: 'without' }),
    del(`${at}/two`),
    del(`${at}/one`),
    del(`${at}/one`),
    list(at),
  ],
}
