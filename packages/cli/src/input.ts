// Values that come in: from a file, from standard input, or typed unseen. Never from the command line, where every
// process of the machine and the shell's history would see them.

import { createReadStream } from 'node:fs'
import { stdin } from 'node:process'
import type { Invocation } from './command.ts'
import { CliFailure, misuse } from './failure.ts'
import { askHidden, isInteractive } from './prompt.ts'

/** Far above what a server takes; keeps a wrong file from filling the memory. */
const MAX_BYTES = 64 * 1024 * 1024

const collect = async (source: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > MAX_BYTES) throw misuse('The input is larger than 64 MiB.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const decode = (bytes: Buffer, name: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new CliFailure('invalid_request', `${name} is not UTF-8 text.`, 'Store binary data as base64: `base64 < FILE | coffer secret set NAME`.', error)
  }
}

/** The text of a file, or of standard input for `-`. */
export const readText = async (file: string): Promise<string> => {
  if (file === '-') return decode(await collect(stdin), 'Standard input')
  try {
    return decode(await collect(createReadStream(file)), file)
  } catch (error) {
    if (error instanceof CliFailure) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new CliFailure('invalid_request', `${file} cannot be read (${code}).`, undefined, error)
  }
}

/** The bytes of a file. */
export const readBytes = async (file: string): Promise<Buffer> => {
  try {
    return await collect(createReadStream(file))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new CliFailure('invalid_request', `${file} cannot be read (${code}).`, undefined, error)
  }
}

/** Standard input without the line end that `echo` and here-documents add. */
export const readLineOrAll = async (): Promise<string> => (await readText('-')).replace(/\r?\n$/, '')

/** A secret's value: --from-file as it is, standard input without its last line end (unless --exact), else typed unseen. */
export const readValue = async (invocation: Invocation, question: string): Promise<string> => {
  const file = invocation.text('from-file')
  if (file !== undefined) return readText(file)
  if (isInteractive()) return askHidden(question)
  return invocation.has('exact') ? readText('-') : readLineOrAll()
}
