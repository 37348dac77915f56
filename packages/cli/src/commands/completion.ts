// coffer completion bash | zsh: a script with the registry's words and flags in it, so that completing starts no process.

import { globalFlags, nameOf, type Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { commands } from '../registry.ts'

const shown = commands.filter((command) => command.load !== undefined)

/** What can follow the words of a line: more words, or the flags of a whole command. */
const cases = (): readonly string[] => {
  const following = new Map<string, Set<string>>()
  for (const { words } of shown) {
    for (const [index, word] of words.entries()) {
      const before = words.slice(0, index).join(' ')
      following.set(before, (following.get(before) ?? new Set()).add(word))
    }
  }
  const flagsOf = (flags: object): string => Object.keys(flags).map((name) => `--${name}`).join(' ')
  const words = [...following].map(([before, next]) => `    '${before}') candidates='${[...next].join(' ')}' ;;`)
  const flags = shown.map((command) => `    '${nameOf(command)}') candidates='${flagsOf({ ...command.flags, ...globalFlags })}' ;;`)
  return [...words, ...flags]
}

const bash = (): string => `# Completion of coffer. In ~/.bashrc: source <(coffer completion bash)
_coffer() {
  local word line='' candidates='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    [[ $word == -- ]] && { COMPREPLY=($(compgen -c -- "\${COMP_WORDS[COMP_CWORD]}")); return; }
    [[ $word == -* ]] && continue
    case "$line $word" in
${[...new Set(shown.flatMap(({ words }) => words.map((_, index) => words.slice(0, index + 1).join(' '))))].map((path) => `      ' ${path}' | '${path.includes(' ') ? path : ` ${path}`}') line="\${line:+$line }$word" ;;`).join('\n')}
    esac
  done
  case "$line" in
${cases().join('\n')}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
  case "$line" in import | 'policy put') COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")) ;; esac
}
complete -F _coffer coffer
`

const scripts: Readonly<Record<string, () => string>> = { bash, zsh: () => `autoload -U +X bashcompinit && bashcompinit\n${bash()}` }

export const completion: Run = (invocation, cli) => {
  const script = scripts[invocation.args[0] ?? '']
  if (script === undefined) return Promise.reject(misuse('SHELL must be bash or zsh.'))
  cli.terminal.raw(script())
  return Promise.resolve(undefined)
}
