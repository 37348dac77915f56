import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { makeServerCertificate } from '../../../../tests/support/certificate.ts'
import { describeConfig, loadConfig, type Config } from './config.ts'
import { describeFlags, renderConfigurationGuide } from './document.ts'
import { schema } from './schema.ts'
import { settingsOf } from './setting.ts'
import { environmentName, flagName } from './sources.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-config-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
const fileOf = (text: string): string => {
  const path = join(folder, `${(files += 1)}.yaml`)
  writeFileSync(path, text)
  return path
}

const load = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Config => loadConfig({ command: 'server', argv: ['--data-dir', folder, ...argv], environment })

const messageOf = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}, command: 'server' | 'start' = 'server'): string => {
  try {
    loadConfig({ command, argv, environment })
  } catch (error) {
    assert.ok(error instanceof Error)
    return error.message
  }
  throw new assert.AssertionError({ message: 'the configuration was accepted' })
}

test('flags win over the environment, the environment over the file, the file over the defaults', () => {
  const config = fileOf('workers: 2\nlog: {level: warn}\nlimits:\n  batch_items: 10\ncache:\n  bytes: 128MiB\n')
  const loaded = load(['--config', config, '--workers=4'], { COFFER_WORKERS: '3', COFFER_LIMITS_BATCH_ITEMS: '20' })
  assert.equal(loaded.workers, 4)
  assert.equal(loaded.limits.batchItems, 20)
  assert.equal(loaded.log.level, 'warn')
  assert.equal(loaded.cache.bytes, 128 * 2 ** 20)
  assert.equal(loaded.limits.jsonDepth, 64)
})

test('a JSON file is read like a YAML one', () => {
  assert.equal(load(['--config', fileOf('{"seal": {"kind": "keyfile"}, "api": {"flat_secrets": false}}')]).seal.kind, 'keyfile')
})

test('the file may be named by the environment', () => {
  assert.equal(load([], { COFFER_CONFIG: fileOf('workers: 5') }).workers, 5)
})

test('the gRPC listener is two ports above the HTTP one, the spool inside the data directory', () => {
  const config = load(['--listen', '[::1]:9000'])
  assert.deepEqual(config.listen, { host: '::1', port: 9000 })
  assert.deepEqual(config.grpc.listen, { host: '::1', port: 9002 })
  assert.equal(config.audit.directory, join(folder, 'audit'))
  assert.equal(load(['--listen', '127.0.0.1:0']).grpc.listen.port, 0)
})

test('relative paths are made absolute', () => {
  assert.equal(load(['--seal', 'keyfile', '--seal-key-file', 'some/key']).seal.keyFile, resolve('some/key'))
})

test('`start` takes ./data and a key file seal, `server` a data directory that is given', () => {
  const config = loadConfig({ command: 'start', argv: [], environment: {} })
  assert.equal(config.dataDir, resolve('data'))
  assert.equal(config.seal.kind, 'keyfile')
  assert.match(messageOf([]), /data_dir: must be given, as flag --data-dir, environment variable COFFER_DATA_DIR/)
})

test('--dev makes its directory only when everything else is valid', () => {
  let made = 0
  const makeDevDirectory = (): string => `/tmp/made-${(made += 1)}`
  assert.throws(() => loadConfig({ command: 'server', argv: ['--dev', '--workers', 'many'], environment: {}, makeDevDirectory }))
  assert.equal(made, 0)
  const config = loadConfig({ command: 'server', argv: ['--dev', '--dev-root-token-id=any text at all'], environment: {}, makeDevDirectory })
  assert.equal(config.dataDir, '/tmp/made-1')
  assert.equal(config.mode, 'dev')
  assert.equal(config.dev.rootTokenId, 'any text at all')
})

describe('what is wrong is named with its key, its form and where it came from', () => {
  const data = ['--data-dir', folder]
  const cases: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
    ['a bad flag value', [...data, '--workers', '0'], {}, /workers: must be a whole number from 1 to 64 \(flag --workers\)/],
    ['a bad variable', data, { COFFER_LOG_LEVEL: 'loud' }, /log\.level: must be one of error, warn, info, debug \(environment variable COFFER_LOG_LEVEL\)/],
    ['an unknown flag', [...data, '--listne', 'x:1'], {}, /there is no such flag: --listne; did you mean --listen\?/],
    ['an unknown variable', data, { COFFER_WORKER: '2' }, /environment variable COFFER_WORKER\); did you mean COFFER_WORKERS\?/],
    ['a flag without its value', [...data, '--listen'], {}, /flag --listen needs a value/],
    ['a flag given twice', [...data, '--listen', '127.0.0.1:1', '--listen', '127.0.0.1:2'], {}, /flag --listen is given twice/],
    ['a word that is no flag', [...data, 'serve'], {}, /an argument that is no flag/],
    ['a port that is none', [...data, '--listen', '127.0.0.1:70000'], {}, /listen: must be HOST:PORT/],
    ['an address that is none', [...data, '--listen', '300.1.1.1:80'], {}, /listen: must be HOST:PORT/],
    ['no room for gRPC', [...data, '--listen', '127.0.0.1:65534'], {}, /grpc\.listen: must be given/],
    ['one address for both', [...data, '--grpc-listen', '127.0.0.1:8200'], {}, /grpc\.listen: must be another address/],
    ['a listener off loopback', [...data, '--listen', '0.0.0.0:8200'], {}, /listen: must be a loopback address.*--insecure \(flag --listen\)/],
    ['a gRPC listener off loopback', [...data, '--grpc-listen', '0.0.0.0:8202'], {}, /grpc\.listen: must be a loopback address/],
    ['half of TLS', [...data, '--tls-cert', 'a.pem'], {}, /tls\.key: must be given together with tls\.cert/],
    ['a client CA alone', [...data, '--tls-client-ca', 'a.pem'], {}, /tls\.client_ca: needs/],
    ['a key file inside the data', [...data, '--seal-key-file', join(folder, 'key')], {}, /seal\.key_file: must not be inside the data directory/],
    ['a dev token outside dev', [...data, '--dev-root-token-id', 'root'], {}, /dev\.root_token_id: is only for/],
    ['shares for --dev', ['--dev', '--seal', 'shamir'], {}, /seal\.kind: must be keyfile for a server that opens by itself/],
    ['data for --dev', [...data, '--dev'], {}, /data_dir: must not be given with --dev/],
    ['a value larger than a body', [...data, '--limits-body-bytes', '1KiB'], {}, /limits\.value_bytes: must not be more than limits\.body_bytes/],
    ['a data key kept too long', [...data, '--cache-dek-seconds', '10m'], {}, /cache\.dek_seconds: must be a time from 0 to 300 seconds/],
    ['a file that is not there', [...data, '--config', join(folder, 'none')], {}, /none cannot be read \(ENOENT\)/],
  ]
  for (const [name, argv, environment, expected] of cases) test(name, () => assert.match(messageOf(argv, environment), expected))

  const inFile: readonly (readonly [string, string, RegExp])[] = [
    ['an unknown key in a file', 'log:\n  levle: info\n', /log\.levle: there is no such setting \(file .*yaml, line 2\); did you mean log\.level\?/],
    ['a bad value in a file', 'workers: [1]\n', /workers: must be a whole number from 1 to 64 \(file .*, line 1\)/],
    ['a key given twice in a file', 'workers: 1\nworkers: 2\n', /line 2: not valid YAML or JSON \(DUPLICATE_KEY\)/],
    ['a file that is no map', '- a\n', /must hold settings by name/],
    ['a group that is no map', 'log: info\n', /log: must hold settings by name/],
    ['a key from an object\'s prototype', 'constructor: 1\n', /constructor: there is no such setting/],
  ]
  for (const [name, text, expected] of inFile) test(name, () => assert.match(messageOf([...data, '--config', fileOf(text)]), expected))

  test('all problems come in one message', () => {
    const message = messageOf([...data, '--workers', 'x', '--log-level', 'y'], { COFFER_NONSENSE: '' })
    assert.equal(message.match(/^ {2}- /gm)?.length, 3)
  })
})

test('a listener off loopback is accepted with TLS or --insecure', () => {
  assert.equal(load(['--listen', '0.0.0.0:8200', '--insecure']).insecure, true)
  assert.equal(load(['--insecure', 'false', '--audit-allow-ephemeral', '--workers', '2']).audit.allowEphemeral, true, 'switches may, and need not, have a value')
  const made = makeServerCertificate()
  assert.equal(load(['--listen', '0.0.0.0:8200', '--tls-cert', fileOf(made.certificate), '--tls-key', fileOf(made.key)]).tls.minVersion, '1.3')
})

test('the files of TLS are looked at: there, of their form, and a pair', () => {
  const [made, other] = [makeServerCertificate(), makeServerCertificate()]
  const [certificate, key, otherKey, nonsense] = [fileOf(made.certificate), fileOf(made.key), fileOf(other.key), fileOf('canary')]
  const problems = (cert: string, privateKey: string, ...more: readonly string[]): string => messageOf(['--data-dir', folder, '--tls-cert', cert, '--tls-key', privateKey, ...more])
  assert.match(problems(join(folder, 'none'), join(folder, 'none')), /tls\.cert: .*certificate chain, PEM.*\(ENOENT; flag --tls-cert\)\n.*tls\.key: .*\(ENOENT; flag --tls-key\)/)
  assert.match(problems(nonsense, key), /:\n {2}- tls\.cert: must be a file with a certificate chain, PEM \(flag --tls-cert\)$/)
  assert.match(problems(key, certificate), /tls\.cert: .*\n.*tls\.key: /)
  assert.match(problems(certificate, otherKey), /:\n {2}- tls\.key: must be a file with the private key of tls\.cert/)
  assert.match(problems(certificate, key, '--tls-client-ca', nonsense), /:\n {2}- tls\.client_ca: must be a file with certificates of authorities, PEM \(flag --tls-client-ca\)$/)
  assert.doesNotMatch(problems(nonsense, nonsense, '--tls-client-ca', nonsense), /canary/)
})

test('variables of the client and of Kubernetes are left alone', () => {
  load([], { COFFER_TOKEN: 'x', COFFER_ADDR: 'http://127.0.0.1:1', COFFER_SERVICE_HOST: '10.0.0.1', COFFER_PORT: 'tcp://10.0.0.1:8200', COFFER_PORT_8200_TCP_ADDR: '10.0.0.1' })
})

test('no message and no description quotes a value that may be a secret', () => {
  const password = 'kestrel-42'
  const url = `postgres://coffer:${password}@db.example:5432/coffer`
  const broken = [
    messageOf(['--database-url', `mysql://u:${password}@h/d`]),
    messageOf(['--listen', password, '--workers', password, password]),
    messageOf([], { COFFER_DATABASE_URL: `postgres://u:${password}@` }),
    messageOf(['--data-dir', folder, '--config', fileOf(`database:\n  url: "${password}\n  x: [`)]),
    messageOf(['--data-dir', folder, '--config', fileOf(`"${password} it is": 1`)]),
    messageOf(['--data-dir', folder, '--dev-root-token-id', password]),
  ]
  for (const message of broken) assert.doesNotMatch(message, new RegExp(password))
  const described = describeConfig(load(['--database-url', url, '--workers', '2']))
  assert.equal(described['workers'], 2)
  assert.equal(described['database.url'], '[REDACTED_SECRET]')
  assert.doesNotMatch(JSON.stringify(described), new RegExp(password))
})

test('no two settings share a flag or a variable, and every default is of its own form', () => {
  const settings = settingsOf(schema)
  assert.equal(new Set(settings.map(([key]) => flagName(key))).size, settings.length)
  assert.equal(new Set(settings.map(([key]) => environmentName(key))).size, settings.length)
  for (const [key, { shape, fallback }] of settings) {
    if (fallback !== undefined) assert.notEqual(shape.parse(fallback), undefined, key)
    assert.match(describeFlags(), new RegExp(`${flagName(key)} `))
  }
})

test('docs/guides/configuration.md says what the schema says', () => {
  const guide = new URL('../../../../docs/guides/configuration.md', import.meta.url)
  assert.equal(readFileSync(guide, 'utf8'), renderConfigurationGuide(), 'run `npm run generate`')
})
