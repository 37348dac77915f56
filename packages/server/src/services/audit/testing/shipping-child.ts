// A process to be killed: writes events to a spool, ships them to a database, prints each id once it is acknowledged.
import { writeSync } from 'node:fs'
import { Pool, type ConnectionSettings } from '../../../storage/pool.ts'
import { systemClock } from '../../../lib/clock.ts'
import { recordOf } from '../records.ts'
import { postgresSink } from '../shipping/sinks/postgres.ts'
import { Shipper, adoptDeadStreams } from '../shipping/shipper.ts'
import { openSpool } from '../spool/testing/scratch.ts'
import { auditEvent, orgA, orgB } from './events.ts'

const [root, settings] = process.argv.slice(2)
if (root === undefined || settings === undefined) throw new Error('usage: shipping-child ROOT SETTINGS')
const spool = await openSpool(root)
const sinks = [postgresSink(new Pool(JSON.parse(settings) as ConnectionSettings))] // written by the test
new Shipper({ spool, sinks, clock: systemClock, retryMs: 5 }).start()
/** Whoever reads may be slow, and the pipe does not wait: a line that finds it full is tried again. */
const say = (line: string): void => {
  for (;;) {
    try {
      writeSync(1, line)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}
const write = (number: number): void => {
  const event = auditEvent({ orgId: number % 3 === 0 ? orgB : orgA })
  spool.append(recordOf(event), (error) => {
    if (error !== undefined) throw error
    say(`${event.id}\n`)
    write(number + 1)
  })
}
for (let writer = 0; writer < 8; writer += 1) write(writer)
await adoptDeadStreams({ root, live: new Set([spool.identity.stream]), sinks, clock: systemClock, retentionMs: 0 })
