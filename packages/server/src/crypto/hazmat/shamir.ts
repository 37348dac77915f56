/**
 * Shamir's secret sharing over GF(2^8), byte by byte: polynomials with the secret byte as the constant term. `shamir.ts` adds the share layout
 * and the checks.
 */
import { gfAdd, gfInverse, gfMultiply } from './gf256.ts'

/** The polynomial's value at x, by Horner's rule; the coefficients begin with the constant term. */
export function evaluate(coefficients: Uint8Array, x: number): number {
  let value = 0
  for (let i = coefficients.length - 1; i >= 0; i--) value = gfAdd(gfMultiply(value, x), coefficients[i] ?? 0)
  return value
}

/** Lagrange's weights at zero for distinct, non-zero x: the constant term is the weighted sum of the y. */
export function weightsAtZero(xs: readonly number[]): number[] {
  return xs.map((x, i) => {
    let weight = 1
    xs.forEach((other, j) => {
      if (i !== j) weight = gfMultiply(weight, gfMultiply(other, gfInverse(gfAdd(other, x))))
    })
    return weight
  })
}
