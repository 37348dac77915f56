// coffer doctor: what is set up here, whether the server can be reached and read, and what is unsafe about it.

import { isCofferError } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Run } from '../command.ts'
import { pinOf } from '../transport.ts'

type State = 'ok' | 'warning' | 'failed'

interface Finding {
  readonly check: string
  readonly state: State
  readonly message: string
}

const MAX_SKEW_SECONDS = 5

const attempt = async (check: string, work: () => Promise<Omit<Finding, 'check'>>): Promise<Finding> => {
  try {
    return { check, ...(await work()) }
  } catch (error) {
    const message = error instanceof Error && (isCofferError(error) || error.name === 'CliFailure') ? error.message : 'The check did not work.'
    return { check, state: 'failed', message }
  }
}

const checkFiles = async (cli: Cli): Promise<Omit<Finding, 'check'>> => {
  await cli.store.readContext()
  const token = await cli.token()
  if (token === undefined) return { state: 'warning', message: 'No token: log in with `coffer login`, or set COFFER_TOKEN.' }
  return { state: 'ok', message: `token from ${token.from}` }
}

const checkServer = async (cli: Cli): Promise<Omit<Finding, 'check'>> => {
  const { client, address } = await cli.session()
  const health = await client.system.health({ timeoutSeconds: 10 })
  if (!health.initialized) return { state: 'failed', message: `${address} is not initialised: \`coffer operator init\`` }
  if (health.sealed) return { state: 'failed', message: `${address} is sealed: \`coffer operator unseal\`` }
  const skew = Math.abs(health.server_time_utc - Date.now() / 1000)
  if (skew > MAX_SKEW_SECONDS) return { state: 'warning', message: `${address} answers (version ${health.version}), but its clock differs from this one by ${Math.round(skew)} seconds` }
  return { state: 'ok', message: `${address} answers, version ${health.version}` }
}

const checkConnection = async (cli: Cli): Promise<Omit<Finding, 'check'>> => {
  const settings = await cli.settings()
  const url = new URL(settings.address)
  if (url.protocol === 'http:') {
    const isHere = /^(localhost|127\.|\[::1\])/.test(url.hostname)
    return isHere ? { state: 'ok', message: 'loopback, not encrypted' } : { state: 'warning', message: 'not encrypted: token and secrets cross the network in the clear' }
  }
  const key = await serverKey(url)
  if (settings.skipVerify) return { state: 'warning', message: `the certificate is not checked (COFFER_SKIP_VERIFY or VAULT_SKIP_VERIFY); key ${key}` }
  return { state: 'ok', message: `TLS, key ${key}${settings.pin === undefined ? '' : ', pinned'}` }
}

/** The key that the server shows now; nothing is sent. */
const serverKey = async (url: URL): Promise<string> => {
  const { connect } = await import('node:tls')
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port === '' ? 443 : url.port), servername: url.hostname, rejectUnauthorized: false, timeout: 10_000 }, () => {
      const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
      socket.destroy()
      if (spki === undefined) reject(new Error('no certificate'))
      else resolve(pinOf(spki))
    })
    socket.once('timeout', () => socket.destroy(new Error('timeout')))
    socket.once('error', reject)
  })
}

const checkToken = async (cli: Cli): Promise<Omit<Finding, 'check'>> => {
  const { client } = await cli.session()
  const me = await client.access.whoami()
  const name = `${me.principal ?? me.displayName} of ${me.organization}`
  if (me.root) return { state: 'warning', message: `${name}: a root token, which nothing restrains. Make one for daily use: \`coffer token create\`` }
  return { state: 'ok', message: name }
}

export const doctor: Run = async (_invocation, cli) => {
  const checks: readonly (readonly [string, (cli: Cli) => Promise<Omit<Finding, 'check'>>])[] = [['files', checkFiles], ['connection', checkConnection], ['server', checkServer], ['token', checkToken]]
  const findings: Finding[] = []
  for (const [check, work] of checks) findings.push(await attempt(check, () => work(cli)))
  cli.terminal.show(findings, () => cli.terminal.table(['CHECK', 'STATE', 'WHAT'], findings.map(({ check, state, message }) => [check, state, message])))
  return findings.some(({ state }) => state === 'failed') ? 1 : undefined
}
