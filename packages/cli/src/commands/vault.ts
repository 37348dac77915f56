// coffer import vault, coffer export vault: another server that speaks Vault's API, read or written through that API.

import { parseAddress } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'
import { CliFailure, misuse } from '../failure.ts'
import { readText } from '../input.ts'
import { confirm } from '../prompt.ts'
import { createTransport } from '../transport.ts'
import { openVault, VaultRefusal, type VaultApi } from '../vault/api.ts'
import { copyAll } from '../vault/copy.ts'
import { Progress, Survey, type Finding } from '../vault/report.ts'
import { parts, takeInventory, type Inventory, type Part } from '../vault/survey.ts'

/** What Vault keeps of a secret that says nothing of it; Coffer keeps all. */
const VAULT_KEEPS = 10

const partsOf = (given: readonly string[]): ReadonlySet<Part> => {
  const unknown = given.find((part) => !(parts as readonly string[]).includes(part))
  if (unknown !== undefined) throw misuse(`--only takes ${parts.join(', ')}.`)
  return given.length === 0 ? new Set(parts) : new Set(parts.filter((part) => given.includes(part)))
}

/** The other server. Its token comes from a file or standard input; a variable of ours would be sent to the wrong one. */
const openOther = async (invocation: Invocation, cli: Cli): Promise<VaultApi> => {
  const address = invocation.text('vault-address')
  const file = invocation.text('vault-token-file')
  if (address === undefined || file === undefined) throw misuse('--vault-address and --vault-token-file say which server, and where its token is (- for standard input).')
  const { timeoutSeconds } = await cli.settings()
  const transport = createTransport({ cacert: invocation.text('vault-cacert'), pin: undefined, skipVerify: false })
  return openVault({ address: parseAddress(address), token: (await readText(file)).trim(), namespace: invocation.text('vault-namespace'), transport, timeoutSeconds })
}

const openOwn = async (cli: Cli): Promise<VaultApi> => {
  const settings = await cli.settings()
  const found = await cli.token()
  if (found === undefined) throw new CliFailure('unauthenticated', 'There is no token for this server.', 'Log in with `coffer login` first.')
  return openVault({ address: settings.address, token: found.token, namespace: settings.org, transport: createTransport(settings), timeoutSeconds: settings.timeoutSeconds })
}

const show = ({ terminal }: Cli, title: string, findings: readonly Finding[]): void => {
  if (findings.length === 0) return
  terminal.note(title)
  for (const { what, why } of findings) terminal.note(`  ${what}: ${why}`)
}

const methodsOf = async (api: VaultApi): Promise<ReadonlySet<string>> => new Set((await api.list('sys/plugins/catalog/auth').catch(() => [])))

interface Move {
  readonly from: VaultApi
  readonly to: VaultApi
  readonly keeps: number
}

const survey = async (invocation: Invocation, { from, to, keeps }: Move): Promise<{ readonly seen: Survey; readonly inventory: Inventory }> => {
  const seen = new Survey()
  const inventory = await takeInventory(from, seen, { mounts: invocation.list('mount').map((mount) => mount.replace(/\/+$/, '')), parts: partsOf(invocation.list('only')), keeps, methods: await methodsOf(to) })
  return { seen, inventory }
}

const refusal = (error: unknown): unknown => (error instanceof VaultRefusal ? new CliFailure(error.status === 403 ? 'permission_denied' : 'upstream_failed', error.message, 'The token must be able to read what is to be carried over, and to write it at the other end.', error) : error)

const move = async (invocation: Invocation, cli: Cli, ends: Move): Promise<number | undefined> => {
  const { terminal } = cli
  const { seen, inventory } = await survey(invocation, ends)
  const total = Object.entries(seen.counts).filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`)
  terminal.note(`From ${ends.from.address} to ${ends.to.address}: ${total.length === 0 ? 'nothing' : total.join(', ')}`)
  show(cli, 'Not carried over:', seen.findings)
  if (invocation.has('dry-run')) {
    terminal.show({ found: seen.counts, notCarried: seen.findings }, () => terminal.line('Nothing was written.'))
    return undefined
  }
  if (total.length === 0) return undefined
  if (!(await confirm('Write this?', invocation.has('yes')))) throw misuse('Nothing was written.')
  const progress = new Progress()
  await copyAll({ from: ends.from, to: ends.to, progress }, inventory)
  show(cli, 'Went wrong:', progress.failures)
  terminal.show({ found: seen.counts, notCarried: seen.findings, done: progress.done, failures: progress.failures }, () => {
    for (const [kind, { copied, present }] of Object.entries(progress.done)) terminal.line(`${kind}: ${copied} written, ${present} there already`)
  })
  return progress.failures.length > 0 ? 1 : undefined
}

export const importVault: Run = async (invocation, cli) => {
  try {
    return await move(invocation, cli, { from: await openOther(invocation, cli), to: await openOwn(cli), keeps: Number.POSITIVE_INFINITY })
  } catch (error) {
    throw refusal(error)
  }
}

export const exportVault: Run = async (invocation, cli) => {
  try {
    return await move(invocation, cli, { from: await openOwn(cli), to: await openOther(invocation, cli), keeps: VAULT_KEEPS })
  } catch (error) {
    throw refusal(error)
  }
}
