// `config.json` and `key` in the configuration directory: the default context, and a token for each address, encrypted.
// A token is stored for one address and sent to no other.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { CliFailure } from '../failure.ts'
import { createPrivate, readPrivate, writePrivate } from './private-file.ts'
import { isSealed, openToken, sealToken } from './token-box.ts'

/** What commands use unless a flag or a variable says otherwise. */
export interface Context {
  readonly address?: string | undefined
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly env?: string | undefined
  readonly cacert?: string | undefined
  readonly pin?: string | undefined
}

export const contextFields = ['address', 'org', 'project', 'env', 'cacert', 'pin'] as const

export interface Store {
  readonly configFile: string
  readonly keyFile: string
  readContext(): Promise<Context>
  writeContext(context: Context): Promise<void>
  /** The token for this address, or undefined. @throws CliFailure when key file or entry cannot be trusted */
  readToken(address: string): Promise<string | undefined>
  writeToken(address: string, token: string): Promise<void>
  /** Whether there was one. */
  removeToken(address: string): Promise<boolean>
}

interface Stored {
  readonly context: Context
  readonly tokens: Readonly<Record<string, string>>
}

const KEY_BYTES = 32

export const openStore = (directory: string): Store => {
  const [configFile, keyFile] = [join(directory, 'config.json'), join(directory, 'key')]
  const read = async (): Promise<Stored> => parseStored(await readPrivate(configFile), configFile)
  const write = (stored: Stored): Promise<void> => writePrivate(configFile, Buffer.from(`${JSON.stringify(stored, null, 2)}\n`))
  const existingKey = async (): Promise<Buffer | undefined> => {
    const key = await readPrivate(keyFile)
    if (key !== undefined && key.length !== KEY_BYTES) throw new CliFailure('invalid_request', `${keyFile} is not a key of ${KEY_BYTES} bytes.`, 'Remove it and log in again.')
    return key
  }
  const key = async (): Promise<Buffer> => {
    const existing = await existingKey()
    if (existing !== undefined) return existing
    await createPrivate(keyFile, randomBytes(KEY_BYTES))
    const made = await existingKey()
    if (made === undefined) throw new CliFailure('internal', `${keyFile} cannot be made.`)
    return made
  }
  const writeToken = async (address: string, token: string): Promise<void> => {
    const sealed = sealToken(await key(), address, token)
    const stored = await read()
    await write({ ...stored, tokens: { ...stored.tokens, [address]: sealed } })
  }
  return {
    configFile,
    keyFile,
    readContext: async () => (await read()).context,
    writeContext: async (context) => write({ ...(await read()), context }),
    readToken: async (address) => {
      const { tokens } = await read()
      const text = Object.hasOwn(tokens, address) ? tokens[address] : undefined
      if (text === undefined) return undefined
      if (!isSealed(text)) {
        // Put there by hand: from now on it is encrypted.
        await writeToken(address, text)
        return text
      }
      const opener = await existingKey()
      if (opener === undefined) throw new CliFailure('unauthenticated', `The key file ${keyFile} is gone, so the stored token cannot be read.`, 'Log in again with `coffer login`.')
      return openToken(opener, address, text)
    },
    writeToken,
    removeToken: async (address) => {
      const stored = await read()
      const { [address]: removed, ...tokens } = stored.tokens
      if (removed !== undefined) await write({ ...stored, tokens })
      return removed !== undefined
    },
  }
}

const parseStored = (bytes: Buffer | undefined, path: string): Stored => {
  if (bytes === undefined) return { context: {}, tokens: {} }
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    const parts = membersOf(value)
    return { context: textsOf(parts['context']), tokens: textsOf(parts['tokens']) }
  } catch (error) {
    throw new CliFailure('invalid_request', `${path} is not valid JSON.`, 'Remove it, then log in and set the context again.', error)
  }
}

// A non-null object can be read by name; each member is checked by whoever reads it.
const membersOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(membersOf(value)).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])))
