import { createHash } from 'node:crypto'
import { as, del, get, holder, list, post, put, type Area, type Step } from '../steps.ts'

const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString()
const asForm = { headers: { 'content-type': 'application/x-www-form-urlencoded' } }
const template = '{"who": {{identity.entity.name}}, "of": {{identity.entity.groups.names}}, "ids": {{identity.entity.groups.ids}}, "m": {{identity.entity.metadata}}, "t": {{identity.entity.metadata.team}}, "nbf": {{time.now}}}'

/** Somebody who has an entity, and what they may do. */
const person = (name: string): readonly Step[] => [
  post(`sys/auth/${name}`, { type: 'userpass' }),
  put(`sys/policies/acl/${name}`, { policy: 'path "identity/oidc/token/*" { capabilities = ["read"] }' }),
  post(`auth/${name}/users/ann`, { password: 'a-long-password', token_policies: [name] }),
  post(`auth/${name}/login/ann`, { password: 'a-long-password' }, { token: '', keep: { [name]: 'auth.client_token', [`${name}_entity`]: 'auth.entity_id' }, unordered: ['policies', 'token_policies'], loose: ['auth.client_token', 'auth.accessor', 'auth.entity_id'] }),
]

export const identityTokens: Area = {
  name: 'identity tokens',
  steps: [
    get('identity/oidc/config', { loose: ['warnings'] }),
    post('identity/oidc/config', {}),
    post('identity/oidc/config', { issuer: 'https://example.com/path' }),
    post('identity/oidc/config', { issuer: 'ftp://example.com' }),
    post('identity/oidc/config', { issuer: 'https://example.com:8200' }),
    get('identity/oidc/config', { note: 'set' }),
    get('identity/oidc/.well-known/openid-configuration', { token: '' }),
    get('identity/oidc/.well-known/keys', { token: '', loose: ['keys'] }),
    list('identity/oidc/role'),
    get('identity/oidc/role/none'),
    get('identity/oidc/key/none'),
    get('identity/oidc/key/default'),
    list('identity/oidc/key'),
    post('identity/oidc/key/k1', {}),
    get('identity/oidc/key/k1'),
    post('identity/oidc/key/k1', { rotation_period: '2h', verification_ttl: '30m', allowed_client_ids: 'a,b' }),
    get('identity/oidc/key/k1', { note: 'changed' }),
    post('identity/oidc/key/k2', { algorithm: 'EdDSA', rotation_period: 3600, verification_ttl: 7200, allowed_client_ids: ['*'] }),
    get('identity/oidc/key/k2'),
    post('identity/oidc/key/k3', { algorithm: 'HS256' }),
    post('identity/oidc/key/k3', { algorithm: 'none' }),
    post('identity/oidc/key/k3', { algorithm: 'PS256' }),
    post('identity/oidc/key/k3', { rotation_period: '59s' }),
    post('identity/oidc/key/k3', { rotation_period: '1m', verification_ttl: '11m' }),
    get('identity/oidc/key/k3'),
    post('identity/oidc/key/none/rotate', {}),
    post('identity/oidc/key/k2/rotate', {}),
    post('identity/oidc/key/k2/rotate', { verification_ttl: 0 }),
    post('identity/oidc/role/r', {}),
    post('identity/oidc/role/r', { key: 'none' }),
    post('identity/oidc/role/r', { key: 'k2', ttl: '3h' }),
    post('identity/oidc/role/r', { key: 'k2', template: '{"a": {{identity.entity.nothing}}}' }),
    post('identity/oidc/role/r', { key: 'k2', template: '{"a": }}' }),
    post('identity/oidc/role/r', { key: 'k2', template: '{"a": {{identity.groups.names.x.name}}}' }),
    post('identity/oidc/role/r', { key: 'k2', template: '{"sub": "x"}' }),
    post('identity/oidc/role/r', { key: 'k2', template: '{"a": {{time.now.plus}}}' }),
    post('identity/oidc/role/r', { key: 'k2', template: '[1]' }),
    post('identity/oidc/role/r', { key: 'k2', ttl: '1h', template, client_id: 'the-client' }),
    get('identity/oidc/role/r'),
    post('identity/oidc/role/r64', { key: 'default', template: Buffer.from('{"a": "b"}').toString('base64') }),
    get('identity/oidc/role/r64', { loose: ['data.client_id'] }),
    post('identity/oidc/role/rk1', { key: 'k1', ttl: '10m' }),
    list('identity/oidc/role'),
    post('identity/oidc/key/k2', { verification_ttl: '30m' }),
    del('identity/oidc/key/k2'),
    del('identity/oidc/key/default'),
    get('identity/oidc/token/r', { note: 'root has no entity' }),
    get('identity/oidc/token/none'),
    ...person('tok'),
    ...as('tok', get('identity/oidc/token/r', { keep: { jwt: 'data.token' }, loose: ['data.token'] }), get('identity/oidc/token/rk1'), get('identity/oidc/token/r64', { loose: ['data.token', 'data.client_id'] }), get('identity/oidc/key/k1'), post('identity/oidc/introspect', { token: 'x' })),
    post('identity/oidc/introspect', { token: '{{jwt}}' }),
    post('identity/oidc/introspect', { token: '{{jwt}}', client_id: 'the-client' }),
    post('identity/oidc/introspect', { token: '{{jwt}}', client_id: 'another' }),
    post('identity/oidc/introspect', { token: 'eyJhbGciOiJub25lIn0.e30.' }),
    post('identity/oidc/introspect', { token: 'nothing' }, { loose: ['error'] }),
    post('identity/entity/id/{{tok_entity}}', { disabled: true }),
    post('identity/oidc/introspect', { token: '{{jwt}}' }, { note: 'of somebody disabled' }),
    post('identity/oidc/config', { issuer: 'https://other.example.com' }),
    post('identity/oidc/introspect', { token: '{{jwt}}' }, { note: 'of another issuer' }),
    post('identity/oidc/config', { issuer: '' }),
    del('identity/oidc/role/r'),
    del('identity/oidc/role/r'),
    del('identity/oidc/role/rk1'),
    del('identity/oidc/key/k1'),
    del('identity/oidc/key/k1'),
    get('identity/oidc/key/k1', { note: 'gone' }),
    get('identity/oidc/token/r', { token: '' }),
    ...holder('oidc-none', 'path "secret/*" { capabilities = ["read"] }'),
    ...as('oidc-none', get('identity/oidc/config'), post('identity/oidc/key/x', {}), list('identity/oidc/key')),
  ],
}

const redirect = 'http://127.0.0.1:8251/callback'
const at = (what: string): string => `identity/oidc/provider/default/${what}`
const query = (fields: Readonly<Record<string, string>>): string => at(`authorize?${form(fields).replaceAll('%7B', '{').replaceAll('%7D', '}')}`)
const asked = { client_id: '{{conf}}', redirect_uri: redirect, scope: 'openid people nothing', response_type: 'code', state: 'af0if', nonce: 'n-0S6' }
const given = { client_id: '{{conf}}', client_secret: '{{secret}}', grant_type: 'authorization_code', redirect_uri: redirect, code: '{{code}}' }
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = createHash('sha256').update(verifier).digest('base64url')
const tokenAnswer = { loose: ['access_token', 'id_token'], keep: { access: 'access_token' } }
const coded = { loose: ['code'], keep: { code: 'code' } }
const { client_secret: _secret, ...unauthenticated } = given
const { redirect_uri: _redirect, ...nowhere } = asked
const fresh = (more: Readonly<Record<string, string>> = {}): Step => get(query({ ...asked, ...more }), coded)

export const oidcProvider: Area = {
  name: 'OpenID Connect provider',
  steps: [
    post('identity/oidc/config', { issuer: '' }),
    list('identity/oidc/assignment'), get('identity/oidc/assignment/allow_all'), post('identity/oidc/assignment/allow_all', {}), del('identity/oidc/assignment/allow_all'), get('identity/oidc/assignment/none'),
    post('identity/oidc/assignment/some', { entity_ids: ['B', 'a', 'a'], group_ids: 'x' }), get('identity/oidc/assignment/some'),
    list('identity/oidc/scope'), get('identity/oidc/scope/none'), post('identity/oidc/scope/openid', { template: '{}' }), post('identity/oidc/scope/people', { template: '{"who": {{identity.entity.id}}}', description: 'who' }), get('identity/oidc/scope/people'),
    post('identity/oidc/scope/clash', { template: '{"who": 1}' }), post('identity/oidc/scope/bad', { template: '{"aud": 1}' }),
    list('identity/oidc/client'), get('identity/oidc/client/none'), post('identity/oidc/client/c', { assignments: 'none' }), post('identity/oidc/client/c', { key: 'none' }), post('identity/oidc/client/c', { client_type: 'secret' }), post('identity/oidc/client/c', { id_token_ttl: '25h' }),
    post('identity/oidc/client/c', { redirect_uris: [redirect, 'https://app.example.com/cb'], assignments: ['allow_all'] }),
    get('identity/oidc/client/c', { loose: ['data.client_id', 'data.client_secret'], keep: { conf: 'data.client_id', secret: 'data.client_secret' } }),
    post('identity/oidc/client/c', { key: 'other' }), post('identity/oidc/client/c', { client_type: 'public' }), post('identity/oidc/client/c', { access_token_ttl: '1h', id_token_ttl: '30m' }),
    post('identity/oidc/client/p', { redirect_uris: redirect, assignments: 'allow_all', client_type: 'public' }), get('identity/oidc/client/p', { loose: ['data.client_id'], keep: { pub: 'data.client_id' } }),
    list('identity/oidc/client', { loose: ['data.key_info.c.client_id', 'data.key_info.p.client_id'] }),
    post('identity/oidc/client/limited', { redirect_uris: redirect, assignments: 'some' }), get('identity/oidc/client/limited', { loose: ['data.client_id', 'data.client_secret'], keep: { limited: 'data.client_id', limited_secret: 'data.client_secret' } }),
    del('identity/oidc/assignment/some'), del('identity/oidc/key/default'),
    list('identity/oidc/provider', { loose: ['data.key_info.*.issuer'] }), get('identity/oidc/provider/default', { loose: ['data.issuer'] }), get('identity/oidc/provider/none'), del('identity/oidc/provider/default'),
    post('identity/oidc/provider/default', { scopes_supported: 'none' }), post('identity/oidc/provider/default', { issuer: 'https://a/b' }), post('identity/oidc/provider/default', { scopes_supported: ['people'] }),
    post('identity/oidc/provider/other', { allowed_client_ids: ['{{pub}}'], issuer: 'https://op.example.com', scopes_supported: 'people' }), get('identity/oidc/provider/other', { loose: ['data.allowed_client_ids.0'] }),
    list('identity/oidc/provider?allowed_client_id={{conf}}', { loose: ['data.key_info.*.issuer'] }),
    del('identity/oidc/scope/people'), get('identity/oidc/provider/other/.well-known/openid-configuration', { token: '' }), get('identity/oidc/provider/none/.well-known/openid-configuration', { token: '' }), get('identity/oidc/provider/none/.well-known/keys', { token: '' }),
    ...person('op'),
    get(query(asked), { token: '' }), get(query(asked), { note: 'root has no entity' }),
    ...as('op',
      get(at('authorize')), get(query({ ...asked, client_id: 'x' })), get(query(nowhere)), get(query({ ...asked, redirect_uri: 'https://evil.example.com' })), get(query({ ...asked, redirect_uri: `${redirect}/more` })), get(query({ ...asked, redirect_uri: 'http://127.0.0.1:9999/callback' }), coded),
      get(`identity/oidc/provider/none/authorize?${form(asked).replaceAll('%7B', '{').replaceAll('%7D', '}')}`), get(`identity/oidc/provider/other/authorize?${form(asked).replaceAll('%7B', '{').replaceAll('%7D', '}')}`),
      get(query({ ...asked, request: 'x' })), get(query({ ...asked, request_uri: 'x' })), get(query({ ...asked, scope: 'people' })), get(query({ ...asked, response_type: '' })), get(query({ ...asked, response_type: 'token' })), get(query({ ...asked, client_id: '{{limited}}' })),
      get(query({ ...asked, client_id: '{{pub}}' })), get(query({ ...asked, code_challenge: 'short' })), get(query({ ...asked, code_challenge: challenge, code_challenge_method: 'S512' })), get(query({ ...asked, max_age: '0' })), get(query({ ...asked, max_age: '3600' }), coded),
      post(at('authorize'), { ...asked }, coded), fresh()),
    post(at('token'), form({}), { ...asForm, token: '' }),
    post('identity/oidc/provider/none/token', form(given), { ...asForm, token: '' }),
    post(at('token'), form({ ...given, client_secret: 'wrong' }), { ...asForm, token: '', note: 'wrong secret' }),
    post(at('token'), form({ ...given, client_id: 'unknown' }), { ...asForm, token: '', note: 'unknown client' }),
    post(at('token'), { ...given, grant_type: '' }, { token: '', note: 'no grant type' }), post(at('token'), { ...given, grant_type: 'password' }, { token: '', note: 'another grant type' }), post(at('token'), { ...given, code: '' }, { token: '', note: 'no code' }), post(at('token'), { ...given, code: 'x' }, { token: '', note: 'no such code' }),
    post(at('token'), { ...given }, { token: '', note: 'once', ...tokenAnswer }), post(at('token'), { ...given }, { token: '', note: 'twice' }),
    get(at('userinfo'), { token: '', headers: { authorization: 'Bearer {{access}}' }, loose: ['sub', 'who'] }), post(at('userinfo'), {}, { token: '', headers: { authorization: 'Bearer {{access}}' }, loose: ['sub', 'who'] }),
    get(at('userinfo'), { token: 'access', note: 'in the other header' }), get(at('userinfo'), { token: '' , note: 'without' }), get(at('userinfo'), { token: '', headers: { authorization: 'Bearer x' }, note: 'unknown' }), get('identity/oidc/provider/other/userinfo', { token: '', headers: { authorization: 'Bearer {{access}}' } }),
    get('auth/token/lookup-self', { token: '', headers: { authorization: 'Bearer {{access}}' }, note: 'with an access token' }),
    ...as('op', fresh()), post(at('token'), { ...given, redirect_uri: 'https://app.example.com/cb' }, { token: '', note: 'another address' }), post(at('token'), { ...given }, { token: '', note: 'used up by that' }),
    ...as('op', fresh()), post(at('token'), { ...given, redirect_uri: '' }, { token: '', note: 'no address' }),
    ...as('op', fresh()), post(at('token'), { ...given, client_id: '{{limited}}', client_secret: '{{limited_secret}}' }, { token: '', note: 'of another client' }),
    ...as('op', fresh()), post(at('token'), { ...given, code_verifier: verifier }, { token: '', note: 'verifier without challenge' }),
    ...as('op', fresh({ code_challenge: challenge, code_challenge_method: 'S256' })), post(at('token'), { ...given }, { token: '', note: 'challenge without verifier' }),
    ...as('op', fresh({ code_challenge: challenge, code_challenge_method: 'S256' })), post(at('token'), { ...given, code_verifier: challenge }, { token: '', note: 'wrong verifier' }),
    ...as('op', fresh({ code_challenge: challenge, code_challenge_method: 'S256' })), post(at('token'), { ...given, code_verifier: verifier }, { token: '', note: 'right verifier', ...tokenAnswer }),
    ...as('op', fresh({ code_challenge: challenge })), post(at('token'), { ...given, code_verifier: challenge }, { token: '', note: 'plain', ...tokenAnswer }),
    ...as('op', fresh({ client_id: '{{pub}}', code_challenge: challenge, code_challenge_method: 'S256' })), post(at('token'), { ...unauthenticated, client_id: '{{pub}}', code_verifier: verifier }, { token: '', note: 'public', ...tokenAnswer }),
    ...as('op', fresh()), post('identity/oidc/provider/other/token', { ...given }, { token: '', note: 'another provider' }),
    ...as('op', fresh()), post('identity/entity/id/{{op_entity}}', { disabled: true }), post(at('token'), { ...given }, { token: '', note: 'disabled meanwhile' }),
    get(at('userinfo'), { token: '', headers: { authorization: 'Bearer {{access}}' }, note: 'of somebody disabled' }),
    del('identity/oidc/client/c'), del('identity/oidc/client/c'), del('identity/oidc/provider/other'), del('identity/oidc/provider/other'), del('identity/oidc/client/limited'), del('identity/oidc/assignment/some'),
    post('identity/oidc/provider/default', { scopes_supported: [] }), del('identity/oidc/scope/people'),
  ],
}
