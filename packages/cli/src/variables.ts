// Which names a secret may not have as a variable of a program: those that make a loader, an interpreter or a tool run
// code, read other settings, or look elsewhere for programs. The server leaves them out; this is the second look, for a
// server that is older, or not what it says it is.
// HOME is among them: dot files below it (.npmrc, .gitconfig, .bashrc) are code to many programs.

const exact = new Set(
  `PATH HOME SHELL IFS ENV BASH_ENV BASHOPTS SHELLOPTS PS0 PS1 PS2 PS4 PROMPT_COMMAND ZDOTDIR CDPATH FPATH GLOBIGNORE
  NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_COMPILE_CACHE BUN_OPTIONS DENO_DIR
  PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONUSERBASE PYTHONEXECUTABLE PYTHONPYCACHEPREFIX PYTHONWARNINGS
  PERL5OPT PERL5LIB PERL5DB PERLLIB RUBYOPT RUBYLIB RUBYSHELL GEM_HOME GEM_PATH BUNDLE_GEMFILE
  JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JAVA_OPTS CLASSPATH MAVEN_OPTS GRADLE_OPTS
  DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS PHPRC PHP_INI_SCAN_DIR LUA_INIT LUA_PATH LUA_CPATH R_PROFILE R_PROFILE_USER R_ENVIRON GOFLAGS RUSTC_WRAPPER
  GIT_SSH GIT_SSH_COMMAND GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_PROXY_COMMAND GIT_TEMPLATE_DIR GIT_DIR
  SSH_ASKPASS SUDO_ASKPASS EDITOR VISUAL PAGER MANPAGER BROWSER LESSOPEN LESSCLOSE LESSKEY
  GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN LOCPATH NLSPATH RESOLV_HOST_CONF RES_OPTIONS TMPDIR TZDIR LIBPATH SHLIB_PATH
  MALLOC_TRACE OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES SSLKEYLOGFILE MAKEFLAGS TERMINFO TERMCAP TERMINFO_DIRS XDG_CONFIG_HOME`.split(/\s+/),
)
const prefixes = ['LD_', 'DYLD_', '_RLD_', 'BASH_FUNC_', 'GIT_CONFIG', 'NPM_CONFIG_SCRIPT_SHELL', 'NPM_CONFIG_NODE_OPTIONS', 'CORECLR_', 'COR_', 'LUA_INIT_', 'YARN_PLUGIN']

/** Upper and lower case alike: npm and proxies read both. */
export const isDangerous = (name: string): boolean => {
  const upper = name.toUpperCase()
  return exact.has(upper) || prefixes.some((prefix) => upper.startsWith(prefix))
}

/** What every shell and `export` can hold (POSIX, Base Definitions 8.1). */
const isName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)

export interface Sorted {
  readonly variables: Readonly<Record<string, string>>
  /** Left out, by name. */
  readonly dangerous: readonly string[]
  /** Names that no shell takes, or values with a NUL, which ends a variable. */
  readonly unusable: readonly string[]
}

export const sortVariables = (given: Readonly<Record<string, string>>): Sorted => {
  const variables: Record<string, string> = {}
  const [dangerous, unusable]: string[][] = [[], []]
  for (const [name, value] of Object.entries(given)) {
    if (isDangerous(name)) dangerous?.push(name)
    else if (!isName(name) || value.includes('\0')) unusable?.push(name)
    else variables[name] = value
  }
  return { variables, dangerous: dangerous ?? [], unusable: unusable ?? [] }
}
