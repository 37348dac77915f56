// A process to be killed: appends numbered records and prints each number once its record is acknowledged.
import { writeSync } from 'node:fs'
import { openSpool } from './scratch.ts'

const [root, prefix, slot] = process.argv.slice(2)
if (root === undefined || prefix === undefined) throw new Error('usage: writing-child ROOT PREFIX [SLOT]')
const spool = await openSpool(root, { slot: Number(slot ?? 0) })
let next = 0
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
const write = (): void => {
  const number = next
  next += 1
  spool.append(JSON.stringify({ id: `${prefix}-${number}`, padding: 'x'.repeat(number % 700) }), (error) => {
    if (error !== undefined) throw error
    say(`${prefix}-${number}\n`)
    write()
  })
}
for (let writer = 0; writer < 16; writer += 1) write()
