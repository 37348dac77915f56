// Differences of single areas.

import { ABSENT } from '../compare.ts'
import type { Known } from '../known.ts'

const ANY = /./
const WORDS = /^body\.(errors|warnings)\.0$/

const server: readonly Known[] = [
  { area: 'server', step: /seal-status$/, at: /recovery_seal$/, what: 'recovery_seal is true in development', reason: 'Coffer\'s development server opens its seal by itself, Vault\'s has one key share.' },
  { area: 'server', step: /health/, at: /canary_age_ms$/, what: '`replication_primary_canary_age_ms` is absent from sys/health', reason: 'It belongs to the replication of Vault Enterprise.' },
  { area: 'wrapping', step: /health/, at: /canary_age_ms$/, what: '`replication_primary_canary_age_ms` is absent from sys/health', reason: 'It belongs to the replication of Vault Enterprise.' },
  { area: 'server', step: /leader/, at: /is_self$/, what: 'sys/leader says that the server is the leader', reason: 'Every worker of every node serves. Vault says so only where it runs in a cluster.' },
  { area: 'server', step: /leader$/, at: /^body\.errors$/, what: 'A wrong verb at sys/leader is named', reason: 'Vault says nothing at the few paths that its HTTP layer answers by itself.' },
  { area: 'server', step: /tools/, at: WORDS, what: 'Texts about a wrong format or input of sys/tools differ in their ends', reason: 'They come from Go\'s library.' },
  { area: 'internal ui', step: /namespaces$/, at: /keys$/, what: 'sys/internal/ui/namespaces lists no empty name for the root', reason: 'A list of namespaces names those that one can go to.' },
  { area: 'internal ui', step: /feature-flags$/, at: ANY, what: 'sys/internal/ui/feature-flags is not there', reason: 'It serves Vault\'s own web pages only.' },
]

const kv: readonly Known[] = [
  { area: 'kv1', step: /^DELETE \/v1\/kv1$/, at: ANY, what: 'Deleting the root of KV version 1 is 404', reason: 'Vault says 204 and deletes nothing.' },
  { at: /^body\.data\.(last_updated_by|versions\.\d+\.(created_by|deleted_by))$/, step: /metadata/, what: 'KV metadata does not say who wrote and deleted versions', reason: 'The audit record does, and the native API shows the author to who may see it.' },
  { area: 'kv2 metadata', step: /metadata\/m #5$/, at: WORDS, what: 'Custom metadata that is no text is refused in other words', reason: 'The value is not repeated.' },
  { area: 'kv2 metadata', step: /(metadata\/m #17|config #3)$/, at: ANY, what: 'A negative max_versions or delete_version_after is refused', reason: 'Vault takes the first for a very large number and the second for "never" at a mount; 0 says the same without surprise.' },
  { area: 'kv2 metadata', step: /config \(negative\)$/, at: /delete_version_after$/, what: 'delete_version_after of a mount is never negative', reason: 'See above.' },
  { area: 'kv upgrade', step: /to version 2/, at: WORDS, what: 'The warning at an upgrade to version 2 says that it takes effect at once', reason: 'Secrets of both versions are stored alike: nothing is converted, and the mount is never away.' },
]

const tokens: readonly Known[] = [
  { area: 'tokens', step: /lookup/, at: /^body\.data\.(display_name|path|issue_time|renewable)$/, when: ({ coffer }) => coffer === 'root' || coffer === 'auth/token/root' || coffer === ABSENT, what: 'The first root token is called `root`, comes from auth/token/root and has no lease', reason: 'A development Vault replaces its first root token by one of the given name.' },
  { area: 'tokens', step: /create #6$/, at: ANY, what: 'Policies of a new token may be given as one text with commas', reason: 'As everywhere else where Vault takes a list.' },
  { area: 'tokens', step: /lookup-self as nu #2$/, at: /num_uses$/, what: 'A token shows 0 uses left in its last use', reason: 'Vault shows -1, which is how it marks the token inside.' },
  { area: 'tokens', step: /create #22$/, at: /warnings$/, what: 'A token with an id of one\'s own comes without a warning', reason: 'Its hash is the same HMAC-SHA-256 as any other\'s.' },
  { at: /^body\.mount_type$/, step: /\/tidy/, what: 'Answers to tidy have a mount_type', reason: 'Like every other answer of the same mount.' },
  { area: 'token roles', step: /roles\/r \(/, at: /^body\.data\.period$/, what: 'A token role shows `period` also where `token_period` was written', reason: 'They are two names of one setting.' },
  { area: 'token roles', step: /roles\/r #[67]$/, at: ANY, what: 'Texts and warnings about roles differ', reason: 'Prose for people; the newer name of a setting wins over its old one in both.' },
  { area: 'token roles', step: /roles\/old$/, at: /bound_cidrs$/, what: 'Old names of settings are taken, and shown under their new ones', reason: 'Clients that read them read the new names, too.' },
]

const system: readonly Known[] = [
  { area: 'policies', step: /acl\/bad( #[234])?$/, at: WORDS, what: 'A policy that cannot be read is refused in other words', reason: 'They name the line.' },
  { area: 'policies', step: /acl\/bad #6$/, at: ANY, what: 'One capability may be given as a text', reason: 'It can mean nothing else.' },
  { area: 'policies', step: /password\/bad$/, at: WORDS, what: 'A password policy that cannot be used is refused in other words', reason: 'Vault wraps its text twice.' },
  { area: 'mounts', step: /m2 #6$/, at: WORDS, what: 'A version of kv that there is not is named', reason: 'Vault speaks of its factory.' },
  { step: /remount$/, at: WORDS, what: 'The warning of a move says that it is done', reason: 'It is: a mount is known by its id, and nothing is copied.' },
  { area: 'mounts', step: /remount\/status/, at: /source_mount$/, what: 'The status of a move does not name where the mount was', reason: 'Only its audit record keeps that.' },
  { area: 'auth mounts', step: /x1 #3$/, at: WORDS, what: 'A second token method is refused as a type that there is not', reason: 'It is built in and no type.' },
  { area: 'auth mounts', step: /lockout/, at: /counter_reset_duration$/, what: 'lockout_counter_reset is taken with the other lockout settings', reason: 'Vault loses it when threshold and duration come with it.' },
]

const logins: readonly Known[] = [
  { area: 'userpass', step: /users\/bob$/, at: /^body\.data\.(bound_cidrs|max_ttl|policies|ttl)$/, what: 'Old names of settings are taken, and shown under their new ones', reason: 'Clients that read them read the new names, too.' },
  { step: /lookup-self as (ann|app)$/, at: /explicit_max_ttl$/, what: 'A token from a login shows the longest life of its role as explicit_max_ttl', reason: 'It is fixed when the token is made: a longer max_ttl later does not lengthen it.' },
  { area: 'userpass', step: /users\/ann #\d$|login\/cidr/, at: WORDS, what: 'Texts about addresses differ', reason: 'They say what is wrong, or what is not allowed.' },
  { area: 'userpass', step: /login\/na/, at: /token_policies$/, what: 'token_policies of a login is an empty list where there are none', reason: 'Vault leaves it out.' },
  { area: 'approle', step: /r\/secret-id #3$/, at: WORDS, what: 'Metadata that is none is refused in other words', reason: 'Prose for people.' },
  { area: 'approle', step: /r3\/(token-bound-cidrs|period|bound-cidr-list|policies)/, at: ANY, what: 'Single settings of a role are shown as the role shows them, old names included', reason: 'Vault shows null or nothing for those whose old name was not used.' },
  { area: 'approle', step: /bad%20name/, at: ANY, what: 'A role name that cannot be is 400', reason: 'Vault finds no path.' },
]

const paths: readonly Known[] = [
  { area: 'wrapping', step: /^GET .*unwrap$/, at: ANY, what: 'Unwrapping is not a read', reason: 'It uses the token up, which a GET must not do (RFC 9110, 9.2.1).' },
  { area: 'errors', step: /empty-type$/, at: ANY, what: 'An empty Content-Type is 415', reason: 'It is no media type; without the header the body is taken.' },
  { area: 'errors', step: /metadata\/$/, at: /keys$/, what: 'The list after that lacks what was not written', reason: 'See above.' },
  { area: 'errors', step: /^GET \/v1\/secret\/data\/ok$/, at: ANY, what: 'A read does not look at a body', reason: 'The body of a GET has no meaning (RFC 9110, 9.3.1).' },
  { area: 'errors', step: /as nobody #2$/, at: ANY, what: '`bearer` may be written in lower case', reason: 'The name of a scheme has no case (RFC 9110, 11.1).' },
  { area: 'errors', step: /%2F|%2e|%00|%ff|%zz|%0a/, at: ANY, what: 'Encoded slashes and dots, control characters and broken escapes are 400 and named', reason: 'A path means one thing to the router, to policies and to the audit record.' },
]

const leases: readonly Known[] = [
  { area: 'identity tokens', step: /role\/r #9$/, at: /^body\.errors\.0$/, what: 'A template that is no JSON object is refused in other words', reason: 'Vault repeats what its JSON library says; the status is the same.' },
  { area: 'OpenID Connect provider', step: /with an access token/, at: /^body\.errors\.0$/, what: 'An access token is good for userinfo and unknown everywhere else', reason: 'It is no token of the server, so there is nothing that a policy could let it do.' },
  { area: 'leases', step: /renew #4$/, at: /^body\.errors\.0$/, what: 'An increment that is no duration is refused in other words', reason: 'Wrong fields are named in the same words everywhere; the status is the same.' },
  { area: 'quotas', step: /one too many/, at: /^headers\.retry-after$/, what: 'A refused request always says when to come back', reason: 'Vault says so only when response headers are turned on; clients wait in vain without it.' },
  { area: 'quotas', step: /quotas\/config$/, at: /^body\.data\.absolute_rate_limit_exempt_paths$/, what: 'A list that was never written is empty instead of null', reason: 'A list is a list.' },
]

export const ofAreas: readonly Known[] = [...server, ...leases, ...kv, ...tokens, ...system, ...logins, ...paths]
