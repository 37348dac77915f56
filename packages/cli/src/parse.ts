// From the words of a command line to a command with checked flags. Values are never quoted back: one of them could be
// a secret that was given in the wrong place.

import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { flagAliases, globalFlags, nameOf, type Command, type Flag, type Flags, type Invocation } from './command.ts'
import { misuse } from './failure.ts'
import { nearest } from './suggest.ts'

export interface Split {
  readonly before: readonly string[]
  readonly rest: readonly string[] | undefined
}

/** Only what stands before the first `--` is ours. */
export const splitAtDashes = (argv: readonly string[]): Split => {
  const at = argv.indexOf('--')
  return at === -1 ? { before: argv, rest: undefined } : { before: argv.slice(0, at), rest: argv.slice(at + 1) }
}

const flagName = (word: string): string => word.replace(/^--?/, '').split('=')[0] ?? ''

/** Global flags may come before the command, so finding its words means stepping over them and their values. */
export const findCommand = (before: readonly string[], commands: readonly Command[]): { readonly command: Command | undefined; readonly words: readonly string[]; readonly args: readonly string[] } => {
  const words: { word: string; at: number }[] = []
  for (let at = 0; at < before.length; at += 1) {
    const word = before[at] ?? ''
    if (!word.startsWith('-') || word === '-') {
      words.push({ word, at })
      continue
    }
    if (word === '--version') continue
    const flag = globalFlags[flagAliases[flagName(word)] ?? flagName(word)] ?? Object.values(globalFlags).find((candidate) => candidate.short === flagName(word))
    if (flag === undefined && words.length === 0) throw unknownFlag(word, globalFlags)
    if (flag !== undefined && flag.type !== 'switch' && !word.includes('=')) at += 1
  }
  const matches = commands.filter((command) => command.words.every((part, index) => words[index]?.word === part))
  const command = matches.sort((one, other) => other.words.length - one.words.length)[0]
  const used = new Set(words.slice(0, command?.words.length ?? 0).map(({ at }) => at))
  return { command, words: words.map(({ word }) => word), args: before.filter((_, at) => !used.has(at)) }
}

/** @throws CliFailure */
export const parseInvocation = (command: Command, args: readonly string[], rest: readonly string[] | undefined): Invocation => {
  const flags = { ...globalFlags, ...command.flags }
  const { values, positionals } = readFlags(args, flags)
  for (const [name, value] of Object.entries(values)) checkValue(name, flags[name], value)
  // `--help` comes without the arguments that the command needs.
  if (values['help'] !== true) checkArguments(command, positionals, rest)
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    command,
    args: positionals,
    rest,
    text,
    list: (name) => {
      const value = values[name]
      return Array.isArray(value) ? value.flatMap((item) => (typeof item === 'string' ? item.split(',') : [])).filter((item) => item !== '') : []
    },
    whole: (name) => (text(name) === undefined ? undefined : Number(text(name))),
    has: (name) => values[name] === true,
  }
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

const readFlags = (args: readonly string[], flags: Flags): { readonly values: Values; readonly positionals: readonly string[] } => {
  const options: ParseArgsOptionsConfig = {}
  for (const [name, flag] of Object.entries(flags)) {
    options[name] = { type: flag.type === 'switch' ? 'boolean' : 'string', multiple: flag.type === 'list', ...(flag.short === undefined ? {} : { short: flag.short }) }
  }
  const spelled = args.map((word) => {
    const alias = word.startsWith('--') && flags[flagName(word)] === undefined ? flagAliases[flagName(word)] : undefined
    return alias === undefined ? word : word.replace(/^--[^=]+/, `--${alias}`)
  })
  try {
    return parseArgs({ args: [...spelled], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw wrongFlags(error, spelled, flags)
  }
}

/** parseArgs quotes what it got; only the name of the flag is passed on. */
const wrongFlags = (error: unknown, args: readonly string[], flags: Flags): Error => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const known = new Set(Object.keys(flags))
  const shorts = new Set(Object.values(flags).flatMap((flag) => flag.short ?? []))
  const unknown = args.find((word) => /^--[^-]/.test(word) && !known.has(flagName(word))) ?? args.find((word) => /^-[^-]/.test(word) && !shorts.has(word[1] ?? ''))
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && unknown !== undefined) return unknownFlag(unknown, flags)
  const named = error instanceof Error ? /'(?:-\w, )?--([a-z-]+)/.exec(error.message)?.[1] : undefined
  const flag = named === undefined ? undefined : flags[named]
  if (named === undefined || flag === undefined) return misuse('The flags cannot be read.', 'Write --name value or --name=value; --help lists them.')
  return flag.type === 'switch' ? misuse(`--${named} takes no value.`) : misuse(`--${named} needs a value.`, `Write --${named} ${flag.value ?? 'VALUE'}, or --${named}=VALUE when the value begins with a dash.`)
}

const unknownFlag = (word: string, flags: Flags): Error => {
  const name = /^--?[A-Za-z][\w-]{0,40}/.exec(word)?.[0] ?? 'One of the flags'
  const near = nearest(flagName(name), Object.keys(flags))
  return misuse(`${name} is not a flag here.`, near === undefined ? '--help lists the flags.' : `Did you mean --${near}?`)
}

const checkValue = (name: string, flag: Flag | undefined, value: unknown): void => {
  if (flag?.type === 'whole' && (typeof value !== 'string' || !/^\d{1,15}$/.test(value))) throw misuse(`--${name} must be a whole number.`)
  if (flag?.choices !== undefined && !flag.choices.includes(String(value))) throw misuse(`--${name} must be one of ${flag.choices.join(', ')}.`)
}

const checkArguments = (command: Command, positionals: readonly string[], rest: readonly string[] | undefined): void => {
  const wanted = command.args ?? []
  const usage = `Usage: coffer ${nameOf(command)}${wanted.map((name) => ` ${name}`).join('')}${command.rest === undefined ? '' : ' -- COMMAND [ARGUMENT...]'}`
  if (command.rest !== undefined && positionals.length > wanted.length) throw misuse('The command to run comes after two dashes.', usage)
  if (rest !== undefined && command.rest === undefined) throw misuse('This command takes nothing after "--".', usage)
  const needed = wanted.filter((name) => !name.startsWith('['))
  if (positionals.length < needed.length) throw misuse(`${needed[positionals.length] ?? 'An argument'} is missing.`, usage)
  if (positionals.length > wanted.length && wanted.at(-1)?.includes('...') !== true) throw misuse('There are more arguments than the command takes.', usage)
  if (command.rest === 'needed' && (rest === undefined || rest.length === 0)) throw misuse('The command to run is missing.', usage)
}
