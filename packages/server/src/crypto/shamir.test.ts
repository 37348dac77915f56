import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gfAdd, gfInverse, gfMultiply } from './hazmat/gf256.ts'
import { evaluate, weightsAtZero } from './hazmat/shamir.ts'
import { combineShares, InvalidShares, shareFingerprint, splitSecret } from './shamir.ts'
import vectors from './vectors/shamir.json' with { type: 'json' }

const byte = fc.integer({ min: 0, max: 255 })
const secretBytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const scheme = fc.integer({ min: 2, max: 12 }).chain((threshold) => fc.record({
  threshold: fc.constant(threshold), shares: fc.integer({ min: threshold, max: 15 }),
}))

test('multiplication gives the examples of FIPS 197, 4.2', () => {
  assert.equal(gfMultiply(0x57, 0x83), 0xc1)
  assert.equal(gfMultiply(0x57, 0x13), 0xfe)
  assert.deepEqual([0x02, 0x04, 0x08, 0x10].map((x) => gfMultiply(0x57, x)), [0xae, 0x47, 0x8e, 0x07])
})

test('multiplication is that of the polynomials modulo 11b, for all pairs', () => {
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) assert.equal(gfMultiply(a, b), slowProduct(a, b))
  }
})

/** The definition: multiply without carry, then divide. */
function slowProduct(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) if (b & (1 << bit)) product ^= a << bit
  for (let bit = 14; bit >= 8; bit--) if (product & (1 << bit)) product ^= 0x11b << (bit - 8)
  return product
}

test('every element but zero has its inverse', () => {
  for (let a = 1; a < 256; a++) assert.equal(gfMultiply(a, gfInverse(a)), 1, String(a))
  assert.equal(gfInverse(0), 0)
  assert.equal(gfInverse(0x53), 0xca)
})

test('it is a field: associative, commutative, distributive', () => {
  fc.assert(fc.property(byte, byte, byte, (a, b, c) => {
    assert.equal(gfMultiply(a, b), gfMultiply(b, a))
    assert.equal(gfMultiply(gfMultiply(a, b), c), gfMultiply(a, gfMultiply(b, c)))
    assert.equal(gfMultiply(a, gfAdd(b, c)), gfAdd(gfMultiply(a, b), gfMultiply(a, c)))
    assert.equal(gfAdd(a, a), 0)
  }))
})

test('a polynomial is evaluated as the sum of its terms', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), byte, (coefficients, x) => {
    let sum = 0
    let power = 1
    for (const coefficient of coefficients) {
      sum = gfAdd(sum, gfMultiply(coefficient, power))
      power = gfMultiply(power, x)
    }
    assert.equal(evaluate(coefficients, x), sum)
    assert.equal(evaluate(coefficients, 0), coefficients[0])
  }))
})

test('the weights at zero of any points sum to one', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 20 }), (xs) => {
    assert.equal(weightsAtZero(xs).reduce(gfAdd, 0), 1)
  }))
})

test('published shares combine: every window of the threshold, and all together', () => {
  for (const v of vectors) {
    const shares = v.shares.map((share) => Buffer.from(share, 'hex'))
    for (let start = 0; start < shares.length; start++) {
      const window = [...shares.slice(start), ...shares.slice(0, start)].slice(0, v.threshold)
      assert.equal(combineShares(window).toString('hex'), v.secret, v.source)
    }
    assert.equal(combineShares(shares).toString('hex'), v.secret, v.source)
  }
})

test('any threshold of the shares restore the secret, in any order, and more do as well', () => {
  fc.assert(fc.property(secretBytes, scheme, fc.infiniteStream(fc.nat()), (secret, options, order) => {
    const shares = splitSecret(secret, options)
    assert.equal(shares.length, options.shares)
    const shuffled = shares.map((share) => ({ share, at: order.next().value })).sort((a, b) => a.at - b.at).map(({ share }) => share)
    for (let count = options.threshold; count <= options.shares; count++) {
      assert.deepEqual(combineShares(shuffled.slice(0, count)), secret)
    }
  }))
})

test('every choice of three of six restores the secret', () => {
  const secret = Buffer.from('a root key of thirty-two bytes!!')
  const shares = splitSecret(secret, { shares: 6, threshold: 3 })
  let choices = 0
  for (let a = 0; a < 6; a++) {
    for (let b = a + 1; b < 6; b++) {
      for (let c = b + 1; c < 6; c++) {
        const chosen = [a, b, c].flatMap((i) => shares[i] ?? [])
        assert.deepEqual(combineShares(chosen), secret)
        choices++
      }
    }
  }
  assert.equal(choices, 20)
})

test('one share too few gives other bytes', () => {
  fc.assert(fc.property(fc.integer({ min: 3, max: 8 }), (threshold) => {
    const secret = Buffer.alloc(32, 0x77)
    const shares = splitSecret(secret, { shares: threshold, threshold })
    assert.notDeepEqual(combineShares(shares.slice(1)), secret)
  }))
})

test('fewer shares than the threshold fit every secret: for each there is a polynomial through them', () => {
  // Two points of a threshold of three; a third point at zero can be any byte and always determines a polynomial.
  const [p, q] = splitSecret(Buffer.of(42), { shares: 3, threshold: 3 })
  assert.ok(p && q)
  const third = [...Array(255).keys()].map((i) => i + 1).find((x) => x !== p[1] && x !== q[1]) ?? 0
  const reachable = new Set(Array.from({ length: 256 }, (_, y) => combineShares([p, q, Buffer.of(y, third)])[0]))
  assert.equal(reachable.size, 256)
})

test('a single share byte of a fixed secret is spread over all values', () => {
  const seen = new Set<number | undefined>()
  for (let i = 0; i < 4_000; i++) seen.add(splitSecret(Buffer.of(0), { shares: 2, threshold: 2 })[0]?.[0])
  assert.equal(seen.size, 256)
})

test('a wrong share gives other bytes, not an error', () => {
  const secret = Buffer.alloc(32, 1)
  const [a, b] = splitSecret(secret, { shares: 2, threshold: 2 })
  assert.ok(a && b)
  b[0] = (b[0] ?? 0) ^ 1
  assert.notDeepEqual(combineShares([a, b]), secret)
})

test('a share is the y bytes and then a distinct x that is not zero', () => {
  const shares = splitSecret(Buffer.alloc(32), { shares: 255, threshold: 2 })
  assert.ok(shares.every((share) => share.length === 33))
  const xs = shares.map((share) => share[32] ?? 0)
  assert.deepEqual([...xs].sort((a, b) => a - b), Array.from({ length: 255 }, (_, i) => i + 1))
  assert.notDeepEqual(xs, [...xs].sort((a, b) => a - b))
})

test('the largest scheme works', () => {
  const secret = Buffer.from('all of us')
  assert.deepEqual(combineShares(splitSecret(secret, { shares: 255, threshold: 255 })), secret)
})

test('splitting leaves the secret alone and never twice gives the same shares', () => {
  const secret = Buffer.alloc(32, 9)
  const [first, second] = [1, 2].map(() => splitSecret(secret, { shares: 2, threshold: 2 }))
  assert.deepEqual(secret, Buffer.alloc(32, 9))
  assert.notDeepEqual(first, second)
})

test('a scheme out of range is refused', () => {
  const bad: readonly (readonly [number, number])[] = [[1, 1], [2, 1], [2, 3], [256, 2], [256, 256], [0, 0], [2.5, 2], [3, 2.5], [Number.NaN, 2]]
  for (const [shares, threshold] of bad) {
    assert.throws(() => splitSecret(Buffer.of(1), { shares, threshold }), { code: 'split_out_of_range' }, `${shares}/${threshold}`)
  }
  assert.throws(() => splitSecret(Buffer.of(), { shares: 2, threshold: 2 }), { code: 'split_out_of_range' })
})

test('shares that cannot be combined are refused with the reason', () => {
  const cases: readonly (readonly [string, readonly Buffer[]])[] = [
    ['shares_too_few', []],
    ['shares_too_few', [Buffer.of(1, 1)]],
    ['share_malformed', [Buffer.of(1), Buffer.of(2)]],
    ['share_malformed', [Buffer.of(), Buffer.of()]],
    ['shares_length_differs', [Buffer.of(1, 1), Buffer.of(1, 1, 2)]],
    ['share_malformed', [Buffer.of(1, 0), Buffer.of(1, 2)]],
    ['shares_repeated', [Buffer.of(1, 7), Buffer.of(1, 7)]],
    ['shares_repeated', [Buffer.of(1, 7), Buffer.of(2, 3), Buffer.of(9, 7)]],
  ]
  for (const [code, shares] of cases) {
    assert.throws(() => combineShares(shares), (error: unknown) => error instanceof InvalidShares && error.code === code, code)
  }
})

test('arbitrary shares give bytes or the typed error', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 5 }), (shares) => {
    try {
      assert.equal(combineShares(shares).length, (shares[0]?.length ?? 0) - 1)
    } catch (error) {
      assert.ok(error instanceof InvalidShares)
    }
  }))
})

test('a share is named by 8 hex digits that differ between shares', () => {
  assert.equal(shareFingerprint(Buffer.from('abc')), 'ba7816bf')
  const names = splitSecret(Buffer.alloc(32), { shares: 20, threshold: 2 }).map(shareFingerprint)
  assert.equal(new Set(names).size, 20)
})
