// The command line over TLS: an authority of one's own, a pinned key, and what is refused before a token is sent.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeServerCertificate } from '../support/certificate.ts'
import { makePerson } from '../support/person.ts'
import { scratchDirectory, startDevServer } from '../support/server.ts'

const folder = scratchDirectory({ after })
const made = makeServerCertificate()
const files = { authority: join(folder, 'ca.pem'), certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
for (const name of ['authority', 'certificate', 'key'] as const) writeFileSync(files[name], made[name], { mode: 0o600 })
const { server, rootToken } = await startDevServer({ after }, ['--tls-cert', files.certificate, '--tls-key', files.key])

const otherPin = `sha256/${'A'.repeat(43)}=`

test('a certificate of an unknown authority is refused, and accepted once the authority is named', async (t) => {
  const person = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken })
  const refused = await person.coffer(['whoami'])
  assert.equal(refused.code, 7)
  assert.match(refused.stderr, /--cacert/)
  await person.works(['whoami', '--cacert', files.authority])
  await person.works(['whoami'], { env: { VAULT_CACERT: files.authority } })
  await person.works(['context', 'set', '--cacert', files.authority])
  await person.works(['whoami'])
  assert.equal((await person.coffer(['whoami', '--cacert', join(folder, 'missing')])).code, 2)
})

test('a pinned key is demanded besides the certificate, also where that is not checked', async (t) => {
  const person = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_CACERT: files.authority })
  await person.works(['whoami', '--pin', made.pin])
  assert.match(await person.works(['doctor', '--pin', made.pin]), new RegExp(`${made.pin.replaceAll('+', '\\+')}, pinned`))
  for (const env of [{}, { VAULT_SKIP_VERIFY: 'true' }]) {
    const refused = await person.coffer(['whoami', '--pin', otherPin], { env })
    assert.equal(refused.code, 3)
    assert.match(refused.stderr, /not the pinned one/)
  }
  assert.equal((await person.coffer(['whoami', '--pin', 'sha1/x'])).code, 2)
  assert.equal((await person.coffer(['whoami', '--pin', made.pin, '--address', 'http://127.0.0.1:1'])).code, 2)
  await person.works(['context', 'set', '--pin', otherPin])
  assert.equal((await person.coffer(['whoami'])).code, 3)
})

test('nothing is sent to a server with another key', async (t) => {
  const received: Buffer[] = []
  const impostor = createServer({ cert: made.certificate, key: made.key }, (socket) => {
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('error', () => undefined)
  })
  impostor.listen(0, '127.0.0.1')
  await once(impostor, 'listening')
  t.after(() => impostor.close())
  const person = makePerson(t, { COFFER_TOKEN: rootToken, COFFER_CACERT: files.authority, COFFER_ADDR: `https://127.0.0.1:${(impostor.address() as AddressInfo).port}` })
  assert.equal((await person.coffer(['whoami', '--pin', otherPin])).code, 3)
  assert.deepEqual(received, [])
})

test('an unchecked certificate is said aloud each time', async (t) => {
  const person = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, VAULT_SKIP_VERIFY: '1' })
  const { code, stderr } = await person.coffer(['whoami'])
  assert.equal(code, 0)
  assert.match(stderr, /not checked/)
  assert.notEqual((await person.coffer(['whoami'], { env: { COFFER_SKIP_VERIFY: 'false' } })).code, 0, 'our own variable wins')
})
