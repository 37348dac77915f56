// Whatever bytes come, in whatever packets, the answers are those of a server without the front.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { converse, get, post, start } from '../testing/front.ts'

const message = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(get('/warm/a'), get('/warm/b'), get('/warm/d', 'Accept: */*\r\n')) },
  fc.constantFrom(get('/warm/b', 'Accept: */*\r\nConnection: keep-alive\r\n'), get('/cold'), get('/warm/left'), get('/warm/c', 'x-vault-wrap-ttl: 5\r\n'), get('/status/204'), get('/broken'), get('/nothing').replace('GET', 'DELETE')),
  fc.tuple(fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'), fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('z'.repeat(3000), `${get('/in/a/body')}`))).map(([verb, body]) => post('/body', JSON.stringify(body).replaceAll(/[^\x20-\x7e]/g, '?').replaceAll('<', '(')).replace('POST', verb)),
  fc.constantFrom(get('/list').replace('GET', 'LIST'), get('/warm/head').replace('GET', 'HEAD'), get('/warm/x', 'transfer-encoding: chunked\r\n').concat('3\r\nabc\r\n0\r\n\r\n'), '\r\n', get('/warm/x', 'content-length: 5\r\n').concat('GET /'), post('/e', '{}').replace('host: x', 'host: x\r\nexpect: 100-continue')),
)
/** What becomes of bytes behind an answer that closes is chance. */
const untilClosed = (answers: readonly string[]): readonly string[] => answers.slice(0, 1 + answers.findIndex((answer, at) => at === answers.length - 1 || answer.includes('Connection: close\n')))

/** Bytes changed, taken out or put in at any place. */
const damaged = fc.tuple(message, fc.nat(), fc.constantFrom('', '\n', '\r', ' ', ':', '\u0000', '\u00ff', 'a', '\r\n\r\n', 'GET '), fc.nat({ max: 2 })).map(([text, at, put, cut]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut))
const stream = fc.tuple(fc.array(fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: damaged }), { minLength: 1, maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }), fc.boolean())

test('any bytes in any packets are answered as by a server without it', async (t) => {
  const [front, general] = [await start(t), await start(t, { warm: false, front: false })]
  let answered = 0
  let asked = 0
  front.echo.pause = () => new Promise((resolve) => void (asked++ % 3 === 0 ? setTimeout(resolve, 1) : asked % 3 === 1 ? setImmediate(resolve) : resolve()))
  front.plans.give = (deliver) => void (answered++ % 3 === 0 ? setTimeout(deliver, 1) : setImmediate(deliver))
  await fc.assert(fc.asyncProperty(stream, async ([messages, cuts, together]) => {
    // One packet for each message, or all in one, and cut at some places more.
    const whole = Buffer.from(messages.join(''), 'latin1')
    const borders = new Set([0, whole.length, ...cuts.map((cut) => Math.floor(cut * whole.length))])
    let at = 0
    if (!together) for (const each of messages) borders.add((at += each.length))
    const places = [...borders].sort((a, b) => a - b)
    const packets = places.slice(1).map((end, index) => whole.subarray(places[index], end))
    const [ours, theirs] = await Promise.all([converse(front, packets), converse(general, packets)])
    if (isDeepStrictEqual(untilClosed(ours), untilClosed(theirs))) return
    // What Node's parser refuses ends the connection at once, and how many of the answers before it are out by then is chance:
    // bytes that waited for an answer arrive at the parser together, as they would have in one packet.
    const isClosed = theirs.some((answer) => answer.includes('Connection: close\n'))
    const refused = ours.at(-1)?.includes('{"errors":') === true
    const alsoInOnePacket = async (): Promise<boolean> => (await converse(general, [whole])).at(-1) === ours.at(-1)
    const [shorter = [], longer = []] = [ours, isClosed ? [...untilClosed(theirs).slice(0, -1), ''] : theirs].sort((a, b) => a.length - b.length)
    if (!refused || (ours.at(-1) !== theirs.at(-1) && !isClosed && !(await alsoInOnePacket()))) assert.deepEqual(ours, theirs)
    else assert.deepEqual(shorter.slice(0, -1), longer.slice(0, shorter.length - 1))
  }), { numRuns: 500, examples: [[[[get('/list').replace('GET', 'LIST'), get('/warm/a').replace(' HTTP', ':HTTP'), post('/body', '""')], [], false]]] })
  assert.ok(front.plans.inFront > 20, `${front.plans.inFront} answers came from plans in front`)
  assert.ok(front.echo.inFront > 50, `${front.echo.inFront} answers came from the door in front`)
})
