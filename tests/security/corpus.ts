// Hostile input: JSON that is none, values of every wrong kind, targets that try to be read in two ways, and HTTP messages
// that are no messages or more than one.

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** Bodies that are wrong whatever operation they are sent to. */
export const bodies: readonly (string | Buffer)[] = [
  'null', '[]', '1', '"x"', 'true', '{', '}', '{"a":1,}', '{"a" 1}', "{'a':1}", '{"a":1}{"b":2}', '{"a":1} x', '\ufeff{}', '{"a":NaN}', '{"a":1e999}', '{"a":01}', '{"a":+1}', '{"a":"\t"}',
  '{"value":"a","value":"b"}', '{"a":{"b":1,"b":2}}', '{"__proto__":{"root":true}}', '{"constructor":{"prototype":{"root":true}}}', '{"value":{"__proto__":{"x":1}}}',
  '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"\\u0000":1}', '{"a":"\\x41"}', `{"a":${deep(65)}}`, `{"a":${deep(100_000)}}`, deep(500_000), `{${'"a":{'.repeat(200)}${'}'.repeat(200)}}`,
  `{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join()}}`, `{"${'k'.repeat(100_000)}":1}`, `{"a":"${'x'.repeat(1_100_000)}"}`, `{"a":${'9'.repeat(5_000)}}`,
  Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]), Buffer.from('{"a":"\xc0\xaf"}', 'latin1'), Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1'), Buffer.from('{"a":1}', 'utf16le'), Buffer.alloc(1000), Buffer.alloc(3),
]

/** Values that few fields expect. */
export const values: readonly unknown[] = [
  null, true, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, '', ' ', 'x', '\u0000', 'a\u0000b', '\u202e', '\ud800', 'e\u0301', '../../x', '/', '//', '%2f', "'; drop table secrets; --", '${7*7}', '__proto__', 'constructor', 'toString',
  'x'.repeat(600), 'x'.repeat(70_000), [], [[]], [null], Array.from({ length: 2_000 }, () => 'x'), {}, { a: { b: {} } }, { __proto__: null, toString: 1 }, '0', '-0', '1e3', '0x10', '9'.repeat(40), '2026-99-99T99:99:99Z', '0000-00-00T00:00:00Z', '9999-12-31T23:59:59.999999999+23:59', '0001-01-01T00:00:00Z', 'NaN', 'true', '[]', '{}',
]

/** What may stand in the place of a path segment, as bytes of the target. */
export const segments: readonly string[] = [
  '%', '%0', '%zz', '%00', 'a%00b', '%2e%2e', '..', '.', '%2e', 'a%2fb', '%2F', '%5c', '%c0%af', '%c0%ae', '%e0%80%af', '%ff', '%ed%a0%80', '%f4%90%80%80', '%252e%252e', '%u0041', 'e%cc%81', '%e2%80%ae', '%0d%0aSet-Cookie:x', '%09', '%7f', '%20', '+', ';a=b',
  '', '/', '//', 'a//b', 'a/', '%23', '*', '__proto__', 'constructor', 'x'.repeat(300), 'x/'.repeat(300), 'x'.repeat(9_000), '%41'.repeat(600), 'history', 'permanent', 'sec_0', 'sec_', `sec_${'z'.repeat(22)}`, `tok_${'0'.repeat(22)}`,
]

export const queries: readonly string[] = [
  '?', '?&', '?=', '?=x', '?a', '?a=%zz', '?a=%00', '?a=%ff', '?__proto__=1', '?__proto__[root]=1', '?constructor=1', '?environment=prod&environment=dev', '?environment[]=prod', '?environment=', '?project=%2e%2e', '?limit=1e9', '?limit=-1', '?limit=0x10', '?limit=9999999999999999999',
  '?after=!!', '?after=AAAA', `?after=${'A'.repeat(3_000)}`, '?reveal=maybe', '?version=-1', '?version=v', '?version=99999999999999999999', '?alias=..', `?${Array.from({ length: 1_500 }, (_, n) => `a${n}=1`).join('&')}`, `?a=${'x'.repeat(9_000)}`,
]

export const headers: readonly Readonly<Record<string, string | string[]>>[] = [
  { 'x-coffer-organization': '../root' }, { 'x-coffer-organization': 'x'.repeat(8_000) }, { 'x-vault-namespace': '%00' }, { 'x-vault-namespace': 'a', 'x-coffer-organization': 'b' }, { 'x-coffer-project': '__proto__' }, { 'x-coffer-project': '../x' }, { 'x-coffer-project': ['a', 'b'] },
  { 'x-vault-token': ['a', 'b'] }, { 'x-vault-token': 'hvs.' }, { 'x-vault-token': `hvs.${'0'.repeat(49)}` }, { 'x-vault-token': `hvb.${'A'.repeat(5_000)}` }, { 'x-vault-token': `hvs.${'0'.repeat(49)}.zzzzzzz` }, { 'x-vault-token': '\u00ff\u00fe' }, { authorization: 'Bearer' }, { authorization: 'Bearer  ' }, { authorization: 'Digest x' }, { authorization: ['Bearer a', 'Bearer b'] },
  { 'idempotency-key': 'x'.repeat(300) }, { 'idempotency-key': ['a', 'b'] }, { 'x-coffer-body-hmac': 'zz' }, { 'content-type': 'multipart/form-data; boundary=x' }, { 'content-type': ';;;' }, { 'content-encoding': 'gzip' }, { accept: 'x'.repeat(5_000) }, { 'x-forwarded-for': '::1, \u00ff' }, { 'x-http-method-override': 'DELETE' }, { range: 'bytes=0-' }, { upgrade: 'websocket', connection: 'upgrade' }, { expect: '100-continue' }, { expect: 'x' },
  Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`x-${n}`, 'y'])), { 'x-large': 'y'.repeat(30_000) },
]

const health = 'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const post = (lines: string, body: string): string => `POST /api/v1/me/renew HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n${body}`

export interface Message {
  readonly name: string
  readonly bytes: string | Buffer
  /** Of what may be answered at most: two would mean that a hidden request was taken for one. */
  readonly mostAnswers: number
}

/** Whole messages as bytes: two readers on the way could each see another request in them. */
export const messages: readonly Message[] = [
  { name: 'a length and chunks', bytes: post('Content-Length: 4\r\nTransfer-Encoding: chunked', `0\r\n\r\n${health}`), mostAnswers: 1 },
  { name: 'chunks and a length', bytes: post('Transfer-Encoding: chunked\r\nContent-Length: 40', `0\r\n\r\n${health}`), mostAnswers: 1 },
  { name: 'two lengths', bytes: post('Content-Length: 0\r\nContent-Length: 60', health), mostAnswers: 1 },
  { name: 'a length with a sign', bytes: post('Content-Length: +2', `{}${health}`), mostAnswers: 1 },
  { name: 'a length in hex', bytes: post('Content-Length: 0x2', `{}${health}`), mostAnswers: 1 },
  { name: 'a length list', bytes: post('Content-Length: 2, 2', `{}${health}`), mostAnswers: 1 },
  { name: 'a negative length', bytes: post('Content-Length: -1', health), mostAnswers: 1 },
  { name: 'a huge length', bytes: post('Content-Length: 99999999999999999999', '{}'), mostAnswers: 1 },
  { name: 'chunked twice', bytes: post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', `0\r\n\r\n${health}`), mostAnswers: 1 },
  { name: 'chunked in disguise', bytes: post('Transfer-Encoding: xchunked', `0\r\n\r\n${health}`), mostAnswers: 1 },
  { name: 'chunked with a tab', bytes: post('Transfer-Encoding:\tchunked\x0b', `0\r\n\r\n${health}`), mostAnswers: 1 },
  { name: 'a space before the colon', bytes: post('Content-Length : 2', `{}${health}`), mostAnswers: 1 },
  { name: 'a folded header', bytes: post('Transfer-Encoding:\r\n chunked\r\nContent-Length: 2', `{}${health}`), mostAnswers: 1 },
  { name: 'a chunk size that overflows', bytes: post('Transfer-Encoding: chunked', 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n'), mostAnswers: 1 },
  { name: 'a chunk that is longer than it says', bytes: post('Transfer-Encoding: chunked', '1\r\n{}\r\n0\r\n\r\n'), mostAnswers: 1 },
  { name: 'chunk extensions without end', bytes: post('Transfer-Encoding: chunked', `2;${'x'.repeat(100_000)}\r\n{}\r\n0\r\n\r\n`), mostAnswers: 1 },
  { name: 'bare line feeds', bytes: 'GET /v1/sys/health HTTP/1.1\nHost: x\n\n', mostAnswers: 1 },
  { name: 'a carriage return in a header', bytes: 'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nX: a\rX-Vault-Token: root\r\n\r\n', mostAnswers: 1 },
  { name: 'a NUL in a header', bytes: 'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n', mostAnswers: 1 },
  { name: 'no host', bytes: 'GET /v1/sys/health HTTP/1.1\r\n\r\n', mostAnswers: 1 },
  { name: 'HTTP/0.9', bytes: 'GET /v1/sys/health\r\n\r\n', mostAnswers: 1 },
  { name: 'HTTP/1.0', bytes: 'GET /v1/sys/health HTTP/1.0\r\n\r\n', mostAnswers: 1 },
  { name: 'HTTP/2 without being asked', bytes: Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(9)]), mostAnswers: 1 },
  { name: 'HTTP/9.9', bytes: 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', mostAnswers: 1 },
  { name: 'an absolute target', bytes: 'GET http://elsewhere/v1/sys/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', mostAnswers: 1 },
  { name: 'an asterisk', bytes: 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', mostAnswers: 1 },
  { name: 'CONNECT', bytes: 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n', mostAnswers: 1 },
  { name: 'TRACE', bytes: 'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', mostAnswers: 1 },
  { name: 'a method in small letters', bytes: 'get /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n', mostAnswers: 1 },
  { name: 'raw bytes in the target', bytes: Buffer.from('GET /v1/sys/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 'latin1'), mostAnswers: 1 },
  { name: 'a target without its slash', bytes: 'GET v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n', mostAnswers: 1 },
  { name: 'TLS', bytes: Buffer.from('16030100c8010000c40303', 'hex'), mostAnswers: 1 },
  { name: 'nothing that means anything', bytes: Buffer.from(Array.from({ length: 4_096 }, (_, n) => (n * 7_919) % 256)), mostAnswers: 1 },
  { name: 'a length that is never met', bytes: post('Content-Length: 100\r\nConnection: close', '{}'), mostAnswers: 1 },
  { name: 'two requests at once', bytes: `${health.replace('Connection: close\r\n', '')}${health}`, mostAnswers: 2 },
]
