import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testDatabase } from '../../kernel/testing/database.ts'
import { isVisible, parseSnapshot, parseXid } from './snapshot.ts'

test('visibility is what PostgreSQL says it is', async (t) => {
  const { app } = await testDatabase(t)
  const cases = fc.sample(
    fc
      .record({ low: fc.bigInt(10n, 2n ** 31n), epoch: fc.bigInt(0n, 2n ** 29n), running: fc.uniqueArray(fc.bigInt(0n, 20n), { maxLength: 12 }), width: fc.bigInt(0n, 20n), probe: fc.bigInt(-5n, 30n) })
      .map(({ low, epoch, ...rest }) => ({ xmin: epoch * 2n ** 32n + low, ...rest })) // the low half of an id is never below 3
      .map(({ xmin, running, width, probe }) => ({
        text: `${xmin}:${xmin + width}:${running.filter((x) => x < width).sort((a, b) => Number(a - b)).map((x) => xmin + x).join(',')}`,
        xid: String(xmin + probe),
      })),
    400,
  )
  const { rows } = await app.query<{ visible: boolean }>(
    'select pg_visible_in_snapshot(x::xid8, s::pg_snapshot) as visible from unnest($1::text[], $2::text[]) with ordinality as c(x, s, n) order by n',
    [cases.map(({ xid }) => xid), cases.map(({ text }) => text)],
  )
  assert.deepEqual(cases.map(({ xid, text }) => isVisible(parseXid(xid), parseSnapshot(text))), rows.map(({ visible }) => visible))
})

test('what is not a snapshot or a transaction id is refused', () => {
  for (const text of ['', '1:2', '1:2:x', '1:2:3,', '-1:2:', '1:2:3 ']) assert.throws(() => parseSnapshot(text), TypeError)
  for (const text of ['', '-1', '0x10', '1 ', '1e3']) assert.throws(() => parseXid(text), TypeError)
})
