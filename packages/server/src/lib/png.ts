// A picture of black and white squares as PNG (ISO/IEC 15948): one bit a pixel, one filter, one chunk of data.

import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** @param squares rows of squares, true is black; @param pixels the wanted width: squares get a whole number of pixels, at least one */
export const renderPng = (squares: readonly (readonly boolean[])[], pixels: number): Buffer => {
  const scale = Math.max(1, Math.floor(pixels / Math.max(1, squares.length)))
  const side = squares.length * scale
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  // One bit of grey.
  header[8] = 1
  const stride = 1 + Math.ceil(side / 8)
  const data = Buffer.alloc(stride * side)
  for (let y = 0; y < side; y++) {
    const row = squares[Math.floor(y / scale)] ?? []
    for (let x = 0; x < side; x++) {
      if (row[Math.floor(x / scale)] === true) continue
      const at = y * stride + 1 + (x >> 3)
      data[at] = (data[at] ?? 0) | (0x80 >> (x & 7))
    }
  }
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(data)), chunk('IEND', Buffer.alloc(0))])
}
