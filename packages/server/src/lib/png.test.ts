import assert from 'node:assert/strict'
import { inflateSync } from 'node:zlib'
import { test } from 'node:test'
import { renderPng } from './png.ts'

test('squares come out as pixels of the size that fits', () => {
  const png = renderPng([[true, false], [false, true]], 7)
  assert.equal(png.subarray(1, 4).toString('latin1'), 'PNG')
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [6, 6])
  const at = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
  // A filter byte, then six pixels: 1 is white.
  assert.deepEqual([...rows.subarray(0, 2)], [0, 0b00011100])
  assert.deepEqual([...rows.subarray(10, 12)], [0, 0b11100000])
})
