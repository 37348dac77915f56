// From secrets to environment variables. The name is the last path segment in upper case with `-` and `.` as `_`, or the whole
// path. Names that make a program load code or look for it elsewhere are never given: whoever can write a secret could
// otherwise take over every process that is started with it.

import { fail, quote } from '../../kernel/errors.ts'
import { parseJson } from '../../lib/json.ts'
import type { ValueType } from '../../kernel/secret-model.ts'

export interface NamedValue {
  readonly path: string
  readonly type: ValueType
  readonly text: string
}

export interface Variables {
  readonly variables: ReadonlyMap<string, string>
  readonly excluded: readonly string[]
}

const DANGEROUS = new Set([
  'PATH', 'IFS', 'ENV', 'BASH_ENV', 'SHELLOPTS', 'BASHOPTS', 'PS4', 'PROMPT_COMMAND', 'CDPATH', 'GLOBIGNORE', 'HOME', 'SHELL', 'TMPDIR', 'PWD', 'OLDPWD',
  'NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED',
  'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PYTHONINSPECT', 'PYTHONEXECUTABLE', 'PYTHONWARNINGS', 'PYTHONBREAKPOINT', 'PERL5OPT', 'PERL5LIB', 'PERL5DB', 'PERLLIB', 'RUBYOPT', 'RUBYLIB', 'GEM_HOME', 'GEM_PATH',
  'JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA_OPTIONS', 'CLASSPATH', 'DOTNET_STARTUP_HOOKS', 'CORECLR_PROFILER', 'CORECLR_ENABLE_PROFILING', 'COR_PROFILER',
  'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_EXTERNAL_DIFF', 'GIT_EXEC_PATH', 'GIT_ASKPASS', 'GIT_PAGER', 'GIT_EDITOR', 'SSH_ASKPASS', 'EDITOR', 'VISUAL', 'PAGER', 'BROWSER', 'LESSOPEN', 'LESSCLOSE', 'MANPAGER',
  'GCONV_PATH', 'LOCPATH', 'HOSTALIASES', 'RESOLV_HOST_CONF', 'NLSPATH', 'MALLOC_TRACE', 'GETCONF_DIR', 'TERMINFO', 'TERMCAP', 'OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES', 'SSLKEYLOGFILE', 'LUA_INIT', 'LUA_PATH', 'LUA_CPATH', 'PHPRC', 'PHP_INI_SCAN_DIR', 'R_PROFILE', 'ERL_FLAGS', 'ELIXIR_ERL_OPTIONS',
  'BUNDLE_GEMFILE', 'BUN_OPTIONS', 'DENO_DIR', 'DOTNET_ADDITIONAL_DEPS', 'FPATH', 'GIT_DIR', 'GIT_PROXY_COMMAND', 'GIT_SEQUENCE_EDITOR', 'GIT_TEMPLATE_DIR',
  'GLIBC_TUNABLES', 'GOFLAGS', 'GRADLE_OPTS', 'JAVA_OPTS', 'LESSKEY', 'LIBPATH', 'LOCALDOMAIN', 'MAKEFLAGS', 'MAVEN_OPTS', 'NODE_COMPILE_CACHE', 'PS0', 'PS1', 'PS2',
  'PYTHONPYCACHEPREFIX', 'PYTHONUSERBASE', 'RES_OPTIONS', 'RUBYSHELL', 'RUSTC_WRAPPER', 'R_ENVIRON', 'R_PROFILE_USER', 'SHLIB_PATH', 'SUDO_ASKPASS', 'TERMINFO_DIRS',
  'TZDIR', 'XDG_CONFIG_HOME', 'ZDOTDIR',
])
const DANGEROUS_PREFIX = /^(?:LD_|DYLD_|BASH_FUNC_|NPM_CONFIG_|GIT_CONFIG|COFFER_|VAULT_|BAO_)/

/** Whether a variable of this name could take over the process that gets it, or our own tools. */
export const isDangerous = (name: string): boolean => {
  const upper = name.toUpperCase()
  return DANGEROUS.has(upper) || DANGEROUS_PREFIX.test(upper)
}

// POSIX.1-2017, 8.1: names are letters, digits and underscores, and do not begin with a digit.
const nameOf = (path: string, wholePath: boolean): string | undefined => {
  const source = wholePath ? path : path.slice(path.lastIndexOf('/') + 1)
  const name = source.toUpperCase().replace(/[-./]/g, '_')
  return /^[A-Z_][A-Z0-9_]*$/.test(name) ? name : undefined
}

/** `payments/stripe-api.key` → `STRIPE_API_KEY`, or `PAYMENTS_STRIPE_API_KEY` by the whole path. @throws invalid_request when no name comes out */
export const variableName = (path: string, wholePath: boolean): string => {
  const name = nameOf(path, wholePath)
  if (name === undefined) throw fail('invalid_request', 'inject.bad_name', `The secret ${quote(path)} gives no valid variable name. Rename it, or choose a narrower prefix.`, { field: 'prefix' })
  return name
}

export const sameName = (one: string, other: string, name: string): Error =>
  fail('conflict', 'inject.same_name', `The secrets ${quote(one)} and ${quote(other)} both give the name ${name}. Use prefixPath, or rename one.`, { field: 'prefixPath' })

/** All variables. @throws conflict when two secrets give the same name; it names both */
export const toVariables = (values: readonly NamedValue[], wholePath: boolean): Variables => {
  const variables = new Map<string, string>()
  const owners = new Map<string, string>()
  const excluded: string[] = []
  const add = (name: string | undefined, text: string, path: string): void => {
    // What gives no name is left out and named, like what is dangerous: one such secret must not keep a program from starting.
    if (name === undefined || isDangerous(name) || text.includes('\0')) {
      excluded.push(name ?? path)
      return
    }
    const owner = owners.get(name)
    if (owner !== undefined) throw sameName(owner, path, name)
    owners.set(name, path)
    variables.set(name, text)
  }
  for (const { path, type, text } of values) {
    const members = type === 'json' ? scalars(text) : undefined
    if (members === undefined) add(nameOf(path, wholePath), text, path)
    else for (const [key, value] of members) add(nameOf(wholePath ? `${path}/${key}` : key, wholePath), value, `${path}#${key}`)
  }
  return { variables, excluded: excluded.sort() }
}

/** Top-level scalars of a JSON object; undefined for anything but an object. */
export const scalars = (text: string): readonly (readonly [string, string])[] | undefined => {
  const parsed = parseJson(text, { maxDepth: 64, maxBytes: Number.MAX_SAFE_INTEGER, exactNumbers: true })
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed) || isRawNumber(parsed)) return undefined
  const out: [string, string][] = []
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value === 'string') out.push([key, value])
    else if (typeof value === 'number' || typeof value === 'boolean') out.push([key, String(value)])
    else if (value !== null && isRawNumber(value)) out.push([key, JSON.stringify(value)])
  }
  return out
}

// A number that a double cannot hold keeps its digits as JSON.rawJSON.
const isRawNumber = (value: object): boolean => /^-?[0-9]/.test(JSON.stringify(value))
