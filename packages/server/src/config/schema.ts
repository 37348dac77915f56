// Every setting of the server, once: the file's keys, the environment's names (COFFER_ + key), the flags (-- + key),
// the typed result and docs/guides/configuration.md all come from this table. Upper bounds of the limits are the
// product's own; everything may be made stricter.

import { address, boolean, bytes, choice, databaseUrl, directories, integer, optional, path, seconds, setting, text, type Address, type Infer } from './setting.ts'

const KiB = 2 ** 10
const MiB = 2 ** 20
const GiB = 2 ** 30

export const schema = {
  listen: setting<Address>('Address of the HTTP listener. Off loopback it needs TLS, or `insecure`. Port 0 takes any free one.', address, '127.0.0.1:8200'),
  insecure: setting<boolean>('Allows listeners off loopback without TLS, for a server behind a proxy that ends TLS. Tokens and secrets then cross that network in the clear.', boolean, false),
  workers: setting<number>('Processes that answer requests. With more than one, all listen on the same port.', integer({ min: 1, max: 64 }), 1),
  data_dir: optional<string>('Directory for the audit spool and, without `database.url`, the embedded database. Only one server may use it.', path),
  cluster_name: setting<string>('Name of this installation in health answers.', text, 'coffer'),
  grpc: {
    enabled: setting<boolean>('Whether the gRPC listener is opened.', boolean, true),
    listen: optional<Address>('Address of the gRPC listener; by default that of `listen` with its port + 2. Plain HTTP/2 on loopback, else TLS.', address),
  },
  tls: {
    cert: optional<string>('Certificate chain, PEM. Turns TLS on, together with `tls.key`.', path),
    key: optional<string>('Private key of the certificate, PEM.', path),
    client_ca: optional<string>('Certificate authorities, PEM, whose client certificates are accepted for the certificate login.', path),
    min_version: setting<'1.2' | '1.3'>('Oldest TLS version accepted.', choice('1.2', '1.3'), '1.3'),
  },
  database: {
    url: optional<string>('PostgreSQL 15 or newer. Without it the server runs an embedded one in the data directory. May hold a password: prefer the file or the environment to the flag.', databaseUrl),
    direct_url: optional<string>('The same database past a transaction pooler, for LISTEN, locks and migrations.', databaseUrl),
    pool_size: setting<number>('Connections per worker.', integer({ min: 2, max: 200 }), 10),
  },
  seal: {
    kind: setting<'shamir' | 'keyfile'>('How the root key is protected: shares that people hold, or a key file that opens it at start.', choice('shamir', 'keyfile'), 'shamir'),
    key_file: optional<string>('The key file of `seal.kind: keyfile`: mode 0600, not inside the data directory. By default one below ~/.coffer/seal-keys.', path),
  },
  audit: {
    durability: setting<'local' | 'database'>('Where a record must be before its answer leaves: the local spool, or the database as well.', choice('local', 'database'), 'local'),
    directory: optional<string>('The spool; by default `audit` in the data directory.', path),
    segment_bytes: setting<number>('Size of one preallocated spool file. The first that a worker makes has at most 12 MiB.', bytes({ min: MiB, max: GiB }), '64MiB'),
    checkpoint_seconds: setting<number>('Time between signed checkpoints.', seconds({ min: 1, max: 300 }), 10),
    max_spool_bytes: setting<number>('When this much waits to be shipped, requests are refused: no record, no secret.', bytes({ min: 4 * MiB, max: 1024 * GiB }), '1GiB'),
    allow_log_prefixing: setting<boolean>('Lets audit devices of type file have a `prefix`. Whoever may enable devices can then begin lines of a file with a text of their own.', boolean, false),
    device_directories: optional<readonly string[]>('Where audit devices of type file may write: below these directories, and nowhere else. By default /var/log, /vault and the system\'s directory of temporary files.', directories),
    allow_ephemeral: setting<boolean>('Accepts a spool on a file system that does not outlive the machine or container (tmpfs, overlay).', boolean, false),
  },
  api: {
    flat_secrets: setting<boolean>('The flat door /v1/secrets. While it is on, no mount may be called `secrets`.', boolean, true),
  },
  limits: {
    header_bytes: setting<number>('All headers of a request.', bytes({ min: 4 * KiB, max: 64 * KiB }), '16KiB'),
    body_bytes: setting<number>('Body of a request.', bytes({ min: KiB, max: 32 * MiB }), '1MiB'),
    json_depth: setting<number>('Nesting of a JSON body.', integer({ min: 4, max: 256 }), 64),
    path_bytes: setting<number>('Length of a secret\'s path.', integer({ min: 64, max: 1024 }), 512),
    value_bytes: setting<number>('One secret value.', bytes({ min: 64, max: MiB }), '64KiB'),
    batch_items: setting<number>('Items in one batch.', integer({ min: 1, max: 500 }), 500),
    request_seconds: setting<number>('Time for one request.', seconds({ min: 1, max: 600 }), 90),
  },
  cache: {
    bytes: setting<number>('Memory for cached entries, per worker.', bytes({ min: MiB, max: 64 * GiB }), '64MiB'),
    dek_seconds: setting<number>('How long an unwrapped data key may stay in memory; 0 turns that cache off.', seconds({ min: 0, max: 300 }), 300),
  },
  log: {
    level: setting<'error' | 'warn' | 'info' | 'debug'>('Least severe entry that is written.', choice('error', 'warn', 'info', 'debug'), 'info'),
    format: setting<'auto' | 'json' | 'text'>('JSON lines, or text for people; `auto` is text on a terminal and JSON elsewhere. Always to standard error.', choice('auto', 'json', 'text'), 'auto'),
  },
  dev: {
    root_token_id: optional<string>('The root token of `server --dev`, any text; a random one by default. Refused elsewhere.', text),
  },
}

export type Settings = Infer<typeof schema>

/** The keys whose values are never shown, whatever is wrong with them. */
export const secretKeys: ReadonlySet<string> = new Set(['database.url', 'database.direct_url', 'dev.root_token_id'])
