import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonError, parseJson } from './json.ts'
import type { JsonErrorCode } from './json.ts'

const limits = { maxDepth: 64, maxBytes: 1 << 20 }

function refused(input: string | Uint8Array, code: JsonErrorCode, position?: number): void {
  assert.throws(() => parseJson(input, limits), (error: unknown) => {
    assert.ok(error instanceof JsonError)
    assert.equal(error.code, code, JSON.stringify(input.toString()))
    if (position !== undefined) assert.equal(error.position, position)
    return true
  })
}

/** As JSON.parse gives it, prototypes included. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

test('every JSON value reads as JSON.parse reads it', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, ' ', '\t'), (value, indent) => {
    const text = JSON.stringify(value, null, indent)
    assert.deepEqual(plain(parseJson(text, limits)), JSON.parse(text))
    assert.deepEqual(plain(parseJson(Buffer.from(text), limits)), JSON.parse(text))
  }))
})

test('it accepts what JSON.parse accepts and nothing else, over texts made of JSON pieces', () => {
  const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"b"', '"\\u00e9\\n"', '"\\x"', '"', '\\', '1', '-', '0', '.5', 'e9', 'true', 'null', 'nul', ' ', '\n', '\u00a0', '\u0001', '\ufeff')
  fc.assert(fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
    const text = pieces.join('')
    let expected: unknown
    try {
      expected = JSON.parse(text)
    } catch {
      assert.throws(() => parseJson(text, limits), JsonError, JSON.stringify(text))
      return
    }
    try {
      assert.deepEqual(plain(parseJson(text, limits)), plain(expected))
    } catch (error) {
      // The two places where JSON.parse is laxer.
      assert.ok(error instanceof JsonError && (error.code === 'json_duplicate_key' || /[eE]/.test(text)), JSON.stringify(text))
    }
  }), { numRuns: 5000 })
})

test('arbitrary bytes give a value or the typed error, never another', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    try {
      parseJson(bytes, limits)
    } catch (error) {
      assert.ok(error instanceof JsonError)
    }
  }), { numRuns: 1000 })
})

test('numbers follow the grammar', () => {
  for (const text of ['0', '-0', '10', '1.5', '1e3', '1E-3', '-1.25e+2']) assert.equal(parseJson(text, limits), Number(text))
  for (const text of ['01', '+1', '.5', '1.', '1e', '-', '0x1', 'NaN', 'Infinity', '1_000', '']) refused(text, 'json_syntax')
  refused('1e999', 'json_syntax')
})

test('exact numbers come back digit by digit', () => {
  const text = '{"a":12345678901234567890,"b":0.1000000000000000055511151231257827,"c":1.50,"d":7,"e":-0,"f":1e400}'
  assert.equal(JSON.stringify(parseJson(text, { ...limits, exactNumbers: true })), text)
})

test('depth is bounded exactly', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  assert.ok(parseJson(nested(64), limits))
  refused(nested(65), 'json_too_deep', 64)
  refused('{"a":'.repeat(65), 'json_too_deep', 64 * 5)
  refused('['.repeat(1 << 20), 'json_too_deep')
  assert.equal(parseJson('1', { ...limits, maxDepth: 0 }), 1)
})

test('size is bounded in bytes, not characters', () => {
  const text = '"éé"'
  assert.equal(parseJson(text, { ...limits, maxBytes: 6 }), 'éé')
  for (const input of [text, Buffer.from(text)]) {
    assert.throws(() => parseJson(input, { ...limits, maxBytes: 5 }), { code: 'json_too_large' })
  }
})

test('a duplicate key is refused at any depth, however it is escaped', () => {
  refused('{"a":1,"a":1}', 'json_duplicate_key', 7)
  refused('{"x":[{"a":1,"b":2,"\\u0061":3}]}', 'json_duplicate_key')
  refused('{"__proto__":1,"__proto__":2}', 'json_duplicate_key')
  assert.ok(parseJson('{"a":{"a":1},"A":2}', limits))
})

test('keys with a meaning in JavaScript are ordinary keys', () => {
  const value = parseJson('{"__proto__":{"admin":true},"constructor":1,"toString":2}', limits)
  assert.ok(typeof value === 'object' && value !== null)
  assert.equal(Object.getPrototypeOf(value), null)
  assert.equal('admin' in value, false)
  assert.deepEqual(Object.keys(value), ['__proto__', 'constructor', 'toString'])
  assert.equal(({} as { admin?: boolean }).admin, undefined)
  assert.equal(JSON.stringify(value), '{"__proto__":{"admin":true},"constructor":1,"toString":2}')
})

test('what cannot be stored as UTF-8 unchanged is refused', () => {
  refused(Buffer.from('22ff22', 'hex'), 'json_not_unicode')
  refused('"\\ud800"', 'json_not_unicode')
  refused('["a","\\udc00\\ud800"]', 'json_not_unicode', 5)
  refused('"\ud800"', 'json_not_unicode')
  refused('{"\\ud800":1}', 'json_not_unicode')
  assert.equal(parseJson('"\\ud83d\\ude00"', limits), '😀')
})

test('a byte order mark and trailing text are refused', () => {
  refused(Buffer.from('efbbbf7b7d', 'hex'), 'json_syntax', 0)
  refused('{} x', 'json_syntax', 3)
  refused('{}{}', 'json_syntax', 2)
})

test('an error names the place and never the content', () => {
  for (const text of ['{"password":"hunter2" "x"}', '{"a":hunter2}', '["hunter2"', '{"hunter2":1,"hunter2":2}', '"hunter2']) {
    assert.throws(() => parseJson(text, limits), (error: unknown) => {
      assert.ok(error instanceof JsonError)
      assert.doesNotMatch(`${error.message}${String(error.cause ?? '')}${error.stack?.split('\n')[0] ?? ''}`, /hunter|password/)
      return true
    })
  }
  refused('{"password":"hunter2" "x"}', 'json_syntax', 22)
})

test('a string of megabytes with escapes is read without exhausting a stack', () => {
  const text = 'x\n"é'.repeat(1_000_000)
  assert.equal(parseJson(JSON.stringify(text), { maxDepth: 1, maxBytes: 1 << 24 }), text)
})
