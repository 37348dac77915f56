// All commands. Help, completion and parsing are read from these rows; the code of a command is loaded when it runs.

import type { Command, Flags } from './command.ts'
import { operatorCommands } from './operator-commands.ts'

const yes: Flags = { yes: { type: 'switch', short: 'y', describe: 'Do not ask' } }
const value: Flags = {
  'from-file': { type: 'text', value: 'FILE', describe: 'Take the value from a file, as it is' },
  exact: { type: 'switch', describe: 'Keep the last line end of standard input' },
  type: { type: 'text', value: 'TYPE', choices: ['text', 'json', 'yaml', 'boolean', 'integer', 'password'], describe: 'Type of the value' },
  'expires-at': { type: 'text', value: 'TIME', describe: 'When the version stops being readable, like 2030-01-31T00:00:00Z' },
}
const expectVersion: Flags = { 'expect-version': { type: 'whole', value: 'N', describe: 'Refuse unless this version is current (0: none yet)' } }
const version: Flags = { version: { type: 'whole', value: 'N', describe: 'Version number' } }
const force: Flags = { force: { type: 'switch', describe: 'Also when the version is current' } }
const variables: Flags = {
  prefix: { type: 'text', value: 'FOLDER', describe: 'Only secrets below this folder' },
  'prefix-path': { type: 'switch', describe: 'Name variables by the whole path, not by its last part' },
  alias: { type: 'text', value: 'ALIAS', describe: 'Version of each secret: current, previous, next or your own (current)' },
  require: { type: 'list', value: 'NAME', describe: 'Do not start without this variable' },
  'pass-token': { type: 'switch', describe: 'Leave COFFER_TOKEN and VAULT_TOKEN to the program' },
}
const document: Flags = { format: { type: 'text', value: 'FORM', choices: ['env', 'json', 'yaml'], describe: 'Form of the document' } }
const eventFilter: Flags = {
  principal: { type: 'text', value: 'NAME', describe: 'Who, like user:ann' },
  action: { type: 'text', value: 'ACTION', describe: 'Action or its first part, like secret.reveal' },
  path: { type: 'text', value: 'PATH', describe: 'Path, or its beginning with * at the end' },
  decision: { type: 'text', value: 'DECISION', choices: ['ALLOW', 'DENY'], describe: 'Only what was allowed, or refused' },
}
const policyKind: Flags = { kind: { type: 'text', value: 'KIND', choices: ['json', 'acl'], describe: 'json: effect, principal, actions, resources; acl: Vault\'s. Default: by the file\'s ending, else json' } }

const vaultMove: Flags = {
  'vault-address': { type: 'text', value: 'URL', describe: 'The other server' },
  'vault-token-file': { type: 'text', value: 'FILE', describe: 'File with a token of the other server; - is standard input' },
  'vault-namespace': { type: 'text', value: 'NAME', describe: 'Namespace of the other server' },
  'vault-cacert': { type: 'text', value: 'FILE', describe: 'Certificate authorities of the other server, PEM' },
  mount: { type: 'list', value: 'PATH', describe: 'Only these key-value mounts' },
  only: { type: 'list', value: 'PARTS', describe: 'secrets, policies, auth, identity (all)' },
  'dry-run': { type: 'switch', describe: 'Look and report, and write nothing' },
  ...yes,
}

const account = () => import('./commands/account.ts')
const audit = () => import('./commands/audit.ts')
const context = () => import('./commands/context.ts')
const documents = () => import('./commands/document.ts')
const environments = () => import('./commands/environment.ts')
const group = () => import('./commands/group.ts')
const help = () => import('./commands/help.ts')
const policy = () => import('./commands/policy.ts')
const project = () => import('./commands/project.ts')
const run = () => import('./commands/run.ts')
const secret = () => import('./commands/secret.ts')
const token = () => import('./commands/token.ts')
const vault = () => import('./commands/vault.ts')
const versions = () => import('./commands/version.ts')

const secretCommands: readonly Command[] = [
  {
    words: ['secret', 'set'], args: ['NAME'], summary: 'Write a value; the new version is current at once',
    details: 'The value comes from standard input, from --from-file, or is typed unseen. It is never an argument: those can be seen by every process and stay in the shell\'s history.\nNAME is a path below the environment, like db/password. Without an environment its first part names one: dev/db/password.',
    flags: { ...value, ...expectVersion, ttl: { type: 'text', value: 'TIME', describe: 'The version stops being readable after this time, like 24h' }, owner: { type: 'text', value: 'TEAM', describe: 'Team that answers for it' }, description: { type: 'text', describe: 'What it is for' }, rotation: { type: 'text', value: 'STRATEGY', describe: 'manual, manual-overlap or automated-<days>d' } },
    examples: ['printf %s "$PASSWORD" | coffer secret set db/password', 'coffer secret set --from-file tls.key tls/key', 'coffer secret set API_KEY'],
    load: async () => (await secret()).set,
  },
  {
    words: ['secret', 'get'], args: ['NAME'], summary: 'Print a value (the read is recorded)',
    flags: { version: { type: 'text', value: 'N', describe: 'A version, 3 or v3' }, alias: { type: 'text', value: 'ALIAS', describe: 'current, previous, next or your own' }, metadata: { type: 'switch', describe: 'What the secret is, without decrypting it' } },
    examples: ['coffer secret get db/password', 'coffer secret get db/password --alias previous', 'coffer secret get db/password --metadata'],
    load: async () => (await secret()).get,
  },
  { words: ['secret', 'list'], args: ['[FOLDER]'], summary: 'List secrets, without values', flags: { deleted: { type: 'switch', describe: 'The deleted ones instead' } }, load: async () => (await secret()).list },
  { words: ['secret', 'history'], args: ['NAME'], summary: 'List the versions of a secret', load: async () => (await versions()).history },
  { words: ['secret', 'rollback'], args: ['NAME'], summary: 'Make a new version with the value of an old one', flags: { to: { type: 'text', value: 'VERSION', describe: 'Version or alias to go back to (previous)' }, ...expectVersion }, load: async () => (await versions()).rollback },
  { words: ['secret', 'propose'], args: ['NAME'], summary: 'Write a value as a version that waits for promotion', flags: value, examples: ['printf %s "$NEW" | coffer secret propose db/password', 'coffer secret promote db/password'], load: async () => (await versions()).propose },
  {
    words: ['secret', 'promote'], args: ['NAME'], summary: 'Make a version current (or point another alias to it)',
    details: 'Without --version the one that was proposed last. What is current is compared first, so of two promotions at once one is refused.',
    flags: { ...version, alias: { type: 'text', value: 'ALIAS', describe: 'Another alias than current' }, ...expectVersion }, load: async () => (await versions()).promote,
  },
  { words: ['secret', 'disable'], args: ['NAME'], summary: 'Stop handing out a version', flags: { ...version, ...force }, load: async () => (await versions()).disable },
  { words: ['secret', 'enable'], args: ['NAME'], summary: 'Hand out a disabled version again', flags: version, load: async () => (await versions()).enable },
  { words: ['secret', 'destroy'], args: ['NAME'], summary: 'Erase a version for good', flags: { ...version, ...force, ...yes }, load: async () => (await versions()).destroy },
  { words: ['secret', 'rm'], args: ['NAME'], summary: 'Delete a secret; it can be restored', load: async () => (await secret()).remove },
  { words: ['secret', 'restore'], args: ['NAME'], summary: 'Bring a deleted secret back', load: async () => (await secret()).restore },
  { words: ['secret', 'purge'], args: ['NAME'], summary: 'Remove a secret and all its versions for good', flags: yes, load: async () => (await secret()).purge },
]

const accessCommands: readonly Command[] = [
  {
    words: ['token', 'create'], args: ['NAME'], summary: 'Make a token for a service or a person; it is printed once',
    details: 'It is locked to the project and environment of the flags or the context. --everywhere makes one for the whole organization.',
    flags: {
      role: { type: 'text', value: 'ROLE', choices: ['auditor', 'reader', 'developer', 'admin', 'owner', 'billing'], describe: 'Role in that scope' },
      policy: { type: 'list', value: 'NAME', describe: 'ACL policy' }, kind: { type: 'text', value: 'KIND', choices: ['service_account', 'user'], describe: 'Who acts with it (service_account)' },
      ttl: { type: 'text', value: 'TIME', describe: 'How long it lives, like 24h (until revoked)' }, 'max-ttl': { type: 'text', value: 'TIME', describe: 'How long renewals can carry it' }, uses: { type: 'whole', value: 'N', describe: 'How often it can be used' },
      cidr: { type: 'list', value: 'RANGE', describe: 'Addresses that it may be used from' }, everywhere: { type: 'switch', describe: 'Not locked to a project or environment' },
    },
    examples: ['coffer token create ci --role reader --ttl 720h'], load: async () => (await token()).create,
  },
  { words: ['token', 'list'], summary: 'List live tokens by accessor', load: async () => (await token()).list },
  { words: ['token', 'revoke'], args: ['ACCESSOR'], summary: 'Revoke a token and all that were made from it', load: async () => (await token()).revoke },
  { words: ['policy', 'put'], args: ['NAME', 'FILE'], summary: 'Write a policy from a file, or from - (standard input)', flags: policyKind, load: async () => (await policy()).put },
  { words: ['policy', 'get'], args: ['NAME'], summary: 'Print a policy', flags: policyKind, load: async () => (await policy()).get },
  { words: ['policy', 'list'], summary: 'List policies', load: async () => (await policy()).list },
  { words: ['policy', 'rm'], args: ['NAME'], summary: 'Delete a policy', flags: { ...policyKind, ...yes }, load: async () => (await policy()).remove },
  { words: ['group', 'list'], summary: 'List groups', load: async () => (await group()).list },
  { words: ['group', 'create'], args: ['NAME'], summary: 'Make a group, for policies that speak of group:NAME', flags: { policy: { type: 'list', value: 'NAME', describe: 'ACL policy that its members have' } }, examples: ['coffer group create payments-oncall'], load: async () => (await group()).create },
  { words: ['group', 'show'], args: ['NAME'], summary: 'Print who is in a group', load: async () => (await group()).show },
  { words: ['group', 'add'], args: ['NAME', 'MEMBER'], summary: 'Put somebody into a group: user:NAME, service:NAME, workload:NAME, or an id', examples: ['coffer group add payments-oncall user:ann'], load: async () => (await group()).add },
  { words: ['group', 'remove'], args: ['NAME', 'MEMBER'], summary: 'Take somebody out of a group', load: async () => (await group()).remove },
  { words: ['audit', 'tail'], summary: 'Print the latest events', flags: { ...eventFilter, lines: { type: 'whole', short: 'n', value: 'N', describe: 'How many (20)' }, follow: { type: 'switch', short: 'f', describe: 'Go on with new ones' } }, load: async () => (await audit()).tail },
  {
    words: ['audit', 'search'], summary: 'Search the audit record, newest first',
    flags: { ...eventFilter, from: { type: 'text', value: 'TIME', describe: 'Not before, like 2030-01-31T00:00:00Z' }, to: { type: 'text', value: 'TIME', describe: 'Before' }, type: { type: 'text', value: 'TYPE', describe: 'Event type, like SECRET_REVEAL' }, request: { type: 'text', value: 'ID', describe: 'Only of this request' }, limit: { type: 'whole', value: 'N', describe: 'Most events (100)' } },
    examples: ['coffer audit search --action secret.reveal --path "db/*"'], load: async () => (await audit()).search,
  },
  { words: ['audit', 'verify'], summary: 'Check the audit record for edits, gaps and removal', load: async () => (await audit()).verify },
  {
    words: ['explain'], args: ['ACTION', '[NAME]'], summary: 'Why an action is allowed or not, rule by rule', flags: { accessor: { type: 'text', value: 'ACCESSOR', describe: 'Ask about another token' } },
    details: 'ACTION: list, read, reveal, create, update, delete, undelete, destroy, rotate, export, administer, audit-read, break-glass.', examples: ['coffer explain reveal db/password --env prod'], load: async () => (await policy()).explain,
  },
]

const placeCommands: readonly Command[] = [
  { words: ['login'], summary: 'Store a token for the server, encrypted', flags: { 'data-dir': { type: 'text', value: 'DIR', describe: 'Take the first token, and the address, that the server wrote to this data directory' }, 'token-stdin': { type: 'switch', describe: 'Take the token from standard input' } }, examples: ['coffer login --data-dir ./data', 'coffer login --address https://coffer.example:8200'], load: async () => (await account()).login },
  { words: ['logout'], summary: 'Forget the stored token', flags: { revoke: { type: 'switch', describe: 'Also revoke it at the server' } }, load: async () => (await account()).logout },
  { words: ['whoami'], summary: 'Who you are to the server', load: async () => (await account()).whoami },
  { words: ['context', 'set'], summary: 'Store defaults for --address, --org, --project, --env, --cacert and --pin', details: 'An empty value removes a default: --env "".', examples: ['coffer context set --project api --env dev'], load: async () => (await context()).set },
  { words: ['context', 'show'], summary: 'Show what commands use by default, and why', load: async () => (await context()).show },
  { words: ['project', 'list'], summary: 'List projects', load: async () => (await project()).list },
  { words: ['project', 'create'], args: ['NAME'], summary: 'Make a project with the environments dev, staging and prod', flags: { description: { type: 'text', describe: 'What it is for' } }, load: async () => (await project()).create },
  { words: ['env', 'list'], summary: 'List the environments of a project', load: async () => (await environments()).list },
  { words: ['env', 'create'], args: ['NAME'], summary: 'Register an environment', flags: { protected: { type: 'switch', describe: 'Protected from the start' }, absorb: { type: 'switch', describe: 'Take in secrets whose paths begin with the name' } }, load: async () => (await environments()).create },
  { words: ['env', 'protect'], args: ['NAME'], summary: 'Keep roles other than owners from revealing and changing', flags: { off: { type: 'switch', describe: 'End the protection' } }, load: async () => (await environments()).protect },
]

const useCommands: readonly Command[] = [
  {
    words: ['run'], rest: 'needed', summary: 'Start a program with the environment\'s secrets as variables', flags: variables,
    details: 'Nothing is written to disk. The program keeps the terminal, gets the signals, and its exit code is the command\'s. Names that could take over a program (PATH, LD_PRELOAD, NODE_OPTIONS, HOME, ...) are left out and named on standard error.',
    examples: ['coffer run --env dev -- npm start', 'coffer run --prefix db --require PASSWORD -- ./migrate'], load: async () => (await run()).run,
  },
  { words: ['shell'], summary: 'Start a shell with the environment\'s secrets as variables', flags: variables, load: async () => (await run()).shell },
  { words: ['inject'], rest: 'optional', summary: 'Another name for run, and with --shell for shell', flags: { ...variables, shell: { type: 'switch', describe: 'Start a shell' } }, hidden: true, load: async () => (await run()).inject },
  { words: ['import'], args: ['FILE'], summary: 'Write the entries of a .env, JSON or YAML file as secrets, after showing what would change', flags: { ...document, prefix: { type: 'text', value: 'FOLDER', describe: 'Folder to write them to' }, ...yes }, examples: ['coffer import .env --env dev', 'coffer import - --format json --yes < secrets.json'], load: async () => (await documents()).importDocument },
  {
    words: ['import', 'vault'], summary: 'Bring over what another Vault, OpenBao or Coffer has, through its API',
    details: 'Reports first what it will carry over and what it cannot. Every version of a key-value secret keeps its number. What is there already is left as it is, so a run that was cut short can be started again. The other server is only read.',
    flags: vaultMove, examples: ['coffer import vault --vault-address https://vault.example:8200 --vault-token-file ./token --dry-run'], load: async () => (await vault()).importVault,
  },
  { words: ['export', 'vault'], summary: 'Carry the same over to another server that speaks Vault\'s API', flags: vaultMove, examples: ['coffer export vault --vault-address https://bao.example:8200 --vault-token-file - --mount apps'], load: async () => (await vault()).exportVault },
  { words: ['export'], summary: 'Print all secrets of an environment as a document', flags: { ...document, prefix: { type: 'text', value: 'FOLDER', describe: 'Only secrets below this folder' }, 'prefix-path': { type: 'switch', describe: 'Name entries by the whole path' }, file: { type: 'text', value: 'FILE', describe: 'Write to a new file that only you can read' } }, load: async () => (await documents()).exportDocument },
]

const systemCommands: readonly Command[] = [
  ...operatorCommands,
  { words: ['doctor'], summary: 'Check set-up, connection and server', load: async () => (await import('./commands/doctor.ts')).doctor },
  { words: ['start'], summary: 'Start a server with everything in ./data (npm start)' },
  { words: ['server'], summary: 'Start a server; `coffer server --help` lists its settings' },
  { words: ['version'], summary: 'Print the version', load: async () => (await help()).version },
  { words: ['completion'], args: ['SHELL'], summary: 'Print the completion script of bash or zsh', examples: ['source <(coffer completion bash)'], load: async () => (await import('./commands/completion.ts')).completion },
  { words: ['help'], args: ['[COMMAND...]'], summary: 'Explain a command', load: async () => (await help()).help },
]

/** In the order of help. */
export const commands: readonly Command[] = [...placeCommands, ...secretCommands, ...useCommands, ...accessCommands, ...systemCommands]
