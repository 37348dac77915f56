/**
 * GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, the field of AES (FIPS 197, 4.2) and of Vault's shares. No tables indexed by secrets and no
 * branches on them: a table look-up would show its index to whoever shares the cache.
 */

export function gfAdd(a: number, b: number): number {
  return a ^ b
}

/** Shift and add over all eight bits, whatever they are. */
export function gfMultiply(a: number, b: number): number {
  let product = 0
  let shifted = a
  for (let bit = 0; bit < 8; bit++) {
    product ^= shifted & -((b >> bit) & 1)
    shifted = ((shifted << 1) ^ (0x11b & -((shifted >> 7) & 1))) & 0x1ff
  }
  return product
}

/** a^254, which is 1/a; and 0 for 0, which callers rule out. */
export function gfInverse(a: number): number {
  let result = 1
  let power = a
  // 254 = 0b11111110: every square but the first.
  for (let i = 1; i < 8; i++) {
    power = gfMultiply(power, power)
    result = gfMultiply(result, power)
  }
  return result
}
