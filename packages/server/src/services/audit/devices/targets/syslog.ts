// Lines as messages of syslog in the form of RFC 3164, which every daemon reads. The local daemon mostly listens on a
// datagram socket of the Unix family, which Node cannot send to; there util-linux's `logger` does it.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { fail } from '../../../../kernel/errors.ts'
import { FACILITIES, type DeviceTarget } from '../device.ts'
import { datagramTarget, streamTarget } from './socket.ts'
import type { Target } from './target.ts'

type Syslog = Extract<DeviceTarget, { readonly kind: 'syslog' }>

const CONNECT_MS = 2000
const LOGGER = ['/usr/bin/logger', '/bin/logger']
const LARGEST = 256 * 1024

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (value: number): string => String(value).padStart(2, '0')

/** RFC 3164, 4.1.2: local time, the day padded with a space. */
const timestamp = (at: Date): string => `${months[at.getMonth()] ?? ''} ${String(at.getDate()).padStart(2, ' ')} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`

export const syslogMessage = ({ priority, tag }: Pick<Syslog, 'priority' | 'tag'>, line: string, at: Date, host: string | undefined): string => `<${priority}>${timestamp(at)}${host === undefined ? '' : ` ${host}`} ${tag}[${process.pid}]: ${line}`

/** `logger` takes names, not numbers. */
const facilityOf = (priority: number): string => (Object.entries(FACILITIES).find(([, code]) => code === priority >> 3)?.[0] ?? 'auth').toLowerCase()

/** Each line of its input is one message. */
const viaLogger = (program: string, { priority, tag }: Syslog, socket: string, lines: readonly string[], signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, ['--socket', socket, '--socket-errors=on', '--priority', `${facilityOf(priority)}.info`, '--tag', tag, '--size', String(LARGEST), `--id=${process.pid}`], { env: {}, stdio: ['pipe', 'ignore', 'ignore'], signal, killSignal: 'SIGKILL' })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`logger ended with ${String(code)}`))))
    child.stdin.on('error', () => undefined)
    child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  })

const isDatagramSocket = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EPROTOTYPE'

const localTarget = (syslog: Syslog, path: string, now: () => Date): Target => {
  const stream = streamTarget({ path }, CONNECT_MS)
  let datagrams = false
  const logger = (): string => {
    const program = LOGGER.find((each) => existsSync(each))
    if (program === undefined) throw fail('invalid_request', 'audit.no_logger', `${path} takes datagrams, for which the program logger (util-linux) is needed. Install it, or give an address such as udp://127.0.0.1:514.`, { field: 'options.address' })
    return program
  }
  return {
    async write(lines, signal) {
      if (!datagrams) {
        try {
          return await stream.write(lines.map((line) => syslogMessage(syslog, line, now(), undefined)), signal)
        } catch (error) {
          if (!isDatagramSocket(error)) throw error
          datagrams = true
        }
      }
      return viaLogger(logger(), syslog, path, lines, signal)
    },
    async probe(signal) {
      try {
        await stream.probe(signal)
      } catch (error) {
        if (!isDatagramSocket(error)) throw error
        datagrams = true
        logger()
      }
    },
    async reopen() {
      datagrams = false
      await stream.reopen()
    },
  }
}

export const syslogTarget = (syslog: Syslog, now: () => Date): Target => {
  const { to } = syslog
  if (to.kind === 'local') return localTarget(syslog, to.path, now)
  const inner = to.kind === 'udp' ? datagramTarget(to) : streamTarget(to, CONNECT_MS)
  return { ...inner, write: (lines, signal) => inner.write(lines.map((line) => syslogMessage(syslog, line, now(), hostname())), signal) }
}
