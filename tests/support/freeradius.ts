// A real FreeRADIUS server on loopback, in a directory of its own, that demands a Message-Authenticator.

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterwards, type Scope } from './cleanup.ts'
import { scratchDirectory } from './server.ts'
import { until } from './wait.ts'

export interface FreeRadius {
  readonly port: number
  readonly secret: string
}

const SECRET = 'shared "secret" of the tests'

const freePort = async (): Promise<number> => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

const configuration = (folder: string, port: number): string => `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = ${folder}
run_dir = ${folder}
raddbdir = ${folder}
log {
  destination = files
  file = ${folder}/radius.log
}
security {
  allow_vulnerable_openssl = yes
  reject_delay = 0
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${quoted(SECRET)}
  require_message_authenticator = yes
}
modules {
  pap {
  }
  files {
    filename = ${folder}/users
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
  # What 3.2.5 and later do by themselves.
  post-auth {
    update reply {
      Message-Authenticator := 0x00
    }
    Post-Auth-Type REJECT {
      update reply {
        Message-Authenticator := 0x00
      }
    }
  }
}
`

/** @param people passwords by name */
export const startFreeRadius = async (scope: Scope, people: Readonly<Record<string, string>>): Promise<FreeRadius> => {
  const program = process.env['COFFER_TEST_FREERADIUS']
  if (program === undefined) throw new Error('the runner says where FreeRADIUS is')
  const folder = scratchDirectory(scope)
  const port = await freePort()
  writeFileSync(join(folder, 'radiusd.conf'), configuration(folder, port), { mode: 0o600 })
  writeFileSync(join(folder, 'users'), Object.entries(people).map(([name, password]) => `${quoted(name)} Cleartext-Password := ${quoted(password)}\n`).join(''), { mode: 0o600 })
  const child = spawn(program, ['-f', '-d', folder, '-n', 'radiusd'], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  afterwards(scope, async () => {
    child.kill('SIGTERM')
    await exited
  })
  const log = join(folder, 'radius.log')
  await until(() => child.exitCode !== null || (existsSync(log) && readFileSync(log, 'utf8').includes('Ready to process requests')), 'FreeRADIUS is ready')
  if (child.exitCode !== null) throw new Error(`FreeRADIUS ended with ${child.exitCode}`)
  return { port, secret: SECRET }
}
