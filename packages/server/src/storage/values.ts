// How PostgreSQL types arrive in JavaScript. Kept per pool, never on the driver's global table.

import pg from 'pg'

const int8 = 20
const int8Array = 1016

/** Version numbers, counters and sizes are numbers; only beyond 2^53 does a value keep its exactness as a bigint. */
export const parseInt8 = (text: string): number | bigint => {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** `{1,2,NULL}`: int8 arrays hold digits and NULL only, so no quoting can occur. */
const parseInt8Array = (text: string): (number | bigint | null)[] =>
  text === '{}' ? [] : text.slice(1, -1).split(',').map((item) => (item === 'NULL' ? null : parseInt8(item)))

export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary' && oid === int8) return parseInt8
    if (format !== 'binary' && oid === int8Array) return parseInt8Array
    return pg.types.getTypeParser(oid, format)
  },
}
