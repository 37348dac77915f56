// Questions to a person. Only when standard input is a terminal; the question goes to standard error, so that output can
// be piped away.

import { stdin } from 'node:process'
import { INTERRUPTED, misuse } from './failure.ts'
import { plain, writeAll } from './output/write.ts'

export const isInteractive = (): boolean => stdin.isTTY

/** Ctrl-C at a prompt. */
export class Interrupted extends Error {
  readonly exitCode = INTERRUPTED
}

/** Reads a line; hidden ones without showing anything. */
const readLine = (question: string, hidden: boolean): Promise<string> =>
  new Promise((resolve, reject) => {
    let line = ''
    const end = (settle: () => void): void => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      writeAll(2, '\n')
      settle()
    }
    const take = (chunk: Buffer): void => {
      for (const char of chunk.toString('utf8')) {
        if (char === '\r' || char === '\n' || char === '\u0004') return end(() => resolve(line))
        if (char === '\u0003') return end(() => reject(new Interrupted('interrupted')))
        if (char === '\u007F' || char === '\b') line = line.slice(0, -1)
        else if (char === '\u0015') line = ''
        else line += char
        if (!hidden) writeAll(2, `\r\u001B[K${plain(question)}${plain(line)}`)
      }
      return undefined
    }
    // First the mode, then the question: what is typed at once would otherwise be shown by the terminal.
    stdin.setRawMode(true)
    writeAll(2, plain(question))
    stdin.on('data', take)
    stdin.resume()
  })

export const askHidden = (question: string): Promise<string> => readLine(question, true)

/** @throws CliFailure when nobody can be asked */
export const confirm = async (question: string, isSure: boolean): Promise<boolean> => {
  if (isSure) return true
  if (!isInteractive()) throw misuse('This needs a yes, and there is nobody to ask: standard input is no terminal.', 'Give --yes.')
  return /^y(es)?$/i.test((await readLine(`${question} [y/N] `, false)).trim())
}
