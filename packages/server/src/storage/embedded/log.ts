// What the embedded database has to say, for whoever runs it. Never holds statements or values.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string) => void

const levels: Readonly<Record<string, LogLevel>> = Object.freeze({ WARNING: 'warn', ERROR: 'warn', FATAL: 'warn', PANIC: 'error' })

/** Splits PostgreSQL's stderr into lines and gives each our level. */
export const postgresLines = (log: Log): ((chunk: Buffer) => void) => {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = (lines.pop() ?? '').slice(-8_192)
    for (const line of lines) {
      const word = /\b(LOG|WARNING|ERROR|FATAL|PANIC):/.exec(line)?.[1] ?? 'LOG'
      if (line.trim() !== '') log(levels[word] ?? 'debug', `postgres: ${line.trim()}`)
    }
  }
}
