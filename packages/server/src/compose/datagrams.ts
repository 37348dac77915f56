// Questions by UDP to servers that an administrator named: from a port of their own, to one address, asked again while nothing comes, and given up
// in time. Answers of others do not arrive; what is no answer is as if nothing had come.

import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import type { Datagrams } from '../kernel/auth/method.ts'
import { fail } from '../kernel/errors.ts'

const AGAIN_MS = 2_000
/** Of one question: whoever floods us with what is no answer ends it. */
const MOST_ANSWERS = 1_000

export const makeDatagrams = (): Datagrams => ({
  async ask({ host, port, packet, timeoutMs, read }) {
    const unanswered = (why: string, cause?: unknown): Error => fail('upstream_failed', 'datagrams.unanswered', `${host}:${port} ${why}.`, { cause })
    const { address, family } = await lookup(host).catch((error: unknown) => {
      throw unanswered('has no address', error)
    })
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    let again: NodeJS.Timeout | undefined
    let end: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        let received = 0
        end = setTimeout(() => reject(unanswered('did not answer')), timeoutMs)
        socket.once('error', (error) => reject(unanswered('could not be asked', error)))
        socket.on('message', (bytes) => {
          received += 1
          const answer = read(bytes)
          if (answer !== undefined) resolve(answer)
          else if (received > MOST_ANSWERS) reject(unanswered('sends what is no answer'))
        })
        // Connected, the socket takes messages of this address and port only.
        socket.connect(port, address, () => {
          const send = (): void => socket.send(packet, (error) => (error === null ? undefined : reject(unanswered('could not be asked', error))))
          again = setInterval(send, AGAIN_MS)
          send()
        })
      })
    } finally {
      clearTimeout(end)
      clearInterval(again)
      socket.close()
    }
  },
})
