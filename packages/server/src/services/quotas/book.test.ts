import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig, QuotaBook, type LimitedPlace } from './book.ts'
import type { QuotaRow } from './rows.ts'

const ROOT = 'root'
const quota = (over: Partial<QuotaRow>): QuotaRow => ({ quotaId: over.name ?? '', type: 'rate-limit', name: '', mount: '', suffix: '', role: '', inheritable: false, rate: 1, intervalSeconds: 60, blockSeconds: 0, maxLeases: 0, used: 0, rowVersion: 1, ...over })
const makeBook = (): QuotaBook => new QuotaBook({ rootOrgId: ROOT, workers: 1, now: () => 0 })
const bookOf = (quotas: readonly QuotaRow[], config = defaultConfig): QuotaBook => {
  const book = makeBook()
  book.replace(config, [{ orgId: ROOT, namespace: '', quotas }])
  return book
}
/** Which quota judges: by its rate. */
const judged = (book: QuotaBook, place: Partial<LimitedPlace>): number | undefined => book.take({ orgId: ROOT, apiPath: '', ...place }, '10.0.0.1')?.limit

test('without quotas nothing is asked', () => {
  assert.equal(makeBook().active, false)
  assert.equal(bookOf([]).active, false)
  assert.equal(bookOf([quota({ name: 'a' })]).active, true)
})

test('the most specific quota judges alone', () => {
  const book = bookOf([
    quota({ name: 'all', rate: 1, inheritable: true }),
    quota({ name: 'mount', rate: 2, mount: 'auth/jwt/' }),
    quota({ name: 'short', rate: 3, mount: 'auth/jwt/', suffix: 'ro*' }),
    quota({ name: 'long', rate: 4, mount: 'auth/jwt/', suffix: 'role/*' }),
    quota({ name: 'exact', rate: 5, mount: 'auth/jwt/', suffix: 'role/a' }),
    quota({ name: 'role', rate: 6, mount: 'auth/jwt/', role: 'ci' }),
  ])
  const of = (apiPath: string, role?: string): number | undefined => judged(book, { apiPath, role })
  assert.deepEqual([of('secret/x'), of('auth/jwt'), of('auth/jwt/login'), of('auth/jwt/ro'), of('auth/jwt/role/b'), of('auth/jwt/role/a'), of('auth/jwt/role/a/b')], [1, 2, 2, 3, 4, 5, 4])
  assert.deepEqual([of('auth/jwt/login', 'ci'), of('auth/jwt/role/a', 'ci'), of('auth/jwt/login', 'other'), of('auth/jwt2/login', 'ci')], [6, 6, 2, 1])
})

test('what limits everything in a folder counts a request for the folder, but not one for what is called like it', () => {
  const book = bookOf([quota({ name: 'below', rate: 2, mount: 'secret/', suffix: 'data/staging/*' }), quota({ name: 'deeper', rate: 3, mount: 'secret/', suffix: 'data/staging/db/*' }), quota({ name: 'exact', rate: 4, mount: 'secret/', suffix: 'data/exact' })])
  const of = (apiPath: string, isFolder?: boolean): number | undefined => judged(book, { apiPath, isFolder })
  assert.deepEqual([of('secret/data/staging', true), of('secret/data/staging'), of('secret/data/staging/a'), of('secret/data/staging/db', true), of('secret/data/staging2', true), of('secret/data', true), of('secret/data/exact', true)], [2, undefined, 2, 3, undefined, undefined, 4])
})

test('root\'s own for the whole organization is for those below that have none for the request', () => {
  const book = makeBook()
  book.replace(defaultConfig, [
    { orgId: ROOT, namespace: '', quotas: [quota({ name: 'all', rate: 1, inheritable: true }), quota({ name: 'mount', rate: 2, mount: 'secret/' })] },
    { orgId: 'child', namespace: 'child/', quotas: [quota({ name: 'own', rate: 7, mount: 'kv/' })] },
  ])
  assert.deepEqual([judged(book, { orgId: 'child', apiPath: 'kv/x' }), judged(book, { orgId: 'child', apiPath: 'secret/x' }), judged(book, { orgId: 'other', apiPath: 'secret/x' })], [7, 1, 1])
})

test('what is exempt is not limited: by its beginning, and with the name of the organization before it', () => {
  const config = { ...defaultConfig, exemptPaths: ['sys/', '!sys/mounts'], absoluteExemptPaths: ['child/secret/open'] }
  const book = makeBook()
  book.replace(config, [{ orgId: ROOT, namespace: '', quotas: [quota({ name: 'all', inheritable: true })] }, { orgId: 'child', namespace: 'child/', quotas: [] }])
  assert.deepEqual([judged(book, { apiPath: 'sys/health' }), judged(book, { apiPath: 'sys/mounts/x' }), judged(book, { apiPath: 'secret/open' })], [undefined, 1, 1])
  assert.equal(judged(book, { orgId: 'child', apiPath: 'secret/open/x' }), undefined)
})

test('a quota that did not change keeps its counters when others do', () => {
  const book = bookOf([quota({ name: 'kept' })])
  const place = { orgId: ROOT, apiPath: 'x' }
  assert.equal(book.take(place, 'a')?.allowed, true)
  book.replace(defaultConfig, [{ orgId: ROOT, namespace: '', quotas: [quota({ name: 'kept' }), quota({ name: 'new', mount: 'y/' })] }])
  assert.equal(book.take(place, 'a')?.allowed, false)
  book.replace(defaultConfig, [{ orgId: ROOT, namespace: '', quotas: [quota({ name: 'kept', rowVersion: 2 })] }])
  assert.equal(book.take(place, 'a')?.allowed, true)
})

test('two requests take two of a quota that both count for, and one each of two', () => {
  const book = bookOf([quota({ name: 'auth', rate: 2, mount: 'auth/jwt/' }), quota({ name: 'secret', rate: 1, mount: 'secret/' })])
  const [login, read, free] = ['auth/jwt/login', 'secret/data/a', 'other/a'].map((apiPath) => ({ orgId: ROOT, apiPath })) as [LimitedPlace, LimitedPlace, LimitedPlace]
  const both = (one: LimitedPlace, other?: LimitedPlace): boolean => book.allows(one, '10.0.0.1', other)
  assert.deepEqual([both(login, login), both(read, read), both(read, login), both(free, free), both(free, read), both(read)], [true, false, true, true, true, true])
  book.take(login, '10.0.0.1')
  assert.deepEqual([both(login), both(login, login), both(read, login)], [true, false, true])
  book.take(read, '10.0.0.1')
  assert.deepEqual([both(read), both(login, read), both(read, login), both(free, read), both(free)], [false, false, false, false, true])
})
