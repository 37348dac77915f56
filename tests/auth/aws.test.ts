// The aws method over the wire: signed requests that an STS verifies.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { base64, BODY, signLogin, startAws, type Login } from '../fakes/aws.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const aws = await startAws({ after })
const ACCOUNT = '123456789012'
const ann = aws.keys(`arn:aws:iam::${ACCOUNT}:user/ann`)
const app = aws.keys(`arn:aws:sts::${ACCOUNT}:assumed-role/app/i-0123`, { fullArn: `arn:aws:iam::${ACCOUNT}:role/team/app`, id: 'AROAAPPAPPAPPAPPAPPAP' })
const reader = aws.keys(`arn:aws:iam::${ACCOUNT}:user/reader`)
const byName = { auth_type: 'iam', resolve_aws_unique_ids: false, token_policies: 'app', token_ttl: '10m' }

const configured = async (role: object, client: object = {}): Promise<string> => {
  const at = await mount('aws')
  await root.expect('POST', `/v1/auth/${at}/config/client`, { sts_endpoint: aws.address, iam_endpoint: aws.address, ...client }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/app`, role, { status: 204 })
  return at
}
const asReader = { access_key: reader.accessKey, secret_key: reader.secretKey }
const enter = (at: string, given: Partial<Login>, role: string | undefined = 'app') => login(`${at}/login`, { ...(role === undefined ? {} : { role }), ...given })

test('users and sessions of roles log in by name', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: [`arn:aws:iam::${ACCOUNT}:user/ann`, `arn:aws:iam::${ACCOUNT}:role/app`] })
  const answer = await enter(at, signLogin(ann))
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual([auth.policies, auth.lease_duration, auth.metadata.account_id, auth.metadata.auth_type], [['app', 'default'], 600, ACCOUNT, 'iam'])
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-ann`)
  const session = await enter(at, signLogin(app), undefined)
  assert.equal(session.status, 200, session.text)
  assert.equal(session.json.auth.entity_id, auth.entity_id, 'the alias is the role\'s by default')
  assert.match(errorsOf(await enter(at, signLogin(reader)))[0] ?? '', /^IAM Principal ".*:user\/reader" does not belong to the role "app"$/)
  assert.match(errorsOf(await enter(at, signLogin(ann), 'none'))[0] ?? '', /^entry for role none not found$/)
})

test('a request is sent to the configured address only, whatever host it names; headers come as JSON, base64 or object', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` })
  for (const host of ['sts.us-east-2.amazonaws.com', new URL(aws.address).host, 'sts.cn-north-1.amazonaws.com.cn', 'vpce-0a1b2c3d-x1.sts.eu-west-1.vpce.amazonaws.com']) {
    assert.equal((await enter(at, signLogin(ann, { host }))).status, 200, host)
    assert.equal(aws.requests().at(-1)?.headers['host'], host)
  }
  const signed = signLogin(ann)
  const json = Buffer.from(signed.iam_request_headers, 'base64').toString()
  assert.equal((await enter(at, { ...signed, iam_request_headers: json })).status, 200)
  const lists = Object.fromEntries(Object.entries(JSON.parse(json) as Record<string, string>).map(([name, value]) => [name, [value]]))
  assert.equal((await login(`${at}/login`, { role: 'app', ...signed, iam_request_headers: lists })).status, 200)
  const before = aws.requests().length
  for (const host of ['example.org', 'sts.amazonaws.com.example.org', '169.254.169.254', 'localhost:1', 'xsts.amazonaws.com', 'sts.a.b.amazonaws.com']) assert.equal((await enter(at, signLogin(ann, { host }))).status, 400, host)
  assert.equal(aws.requests().length, before)
})

test('anything but a GetCallerIdentity that was signed just now is refused before anybody is asked', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` })
  const good = signLogin(ann)
  const before = aws.requests().length
  const url = (text: string): Partial<Login> => ({ ...good, iam_request_url: base64(text) })
  const headers = (change: (all: Record<string, unknown>) => unknown): Partial<Login> => ({ ...good, iam_request_headers: base64(JSON.stringify(change(JSON.parse(Buffer.from(good.iam_request_headers, 'base64').toString()) as Record<string, unknown>))) })
  const authorization = (change: (text: string) => string): Partial<Login> => headers((all) => ({ ...all, authorization: change(String(all['authorization'])) }))
  const bad: readonly (readonly [string, Partial<Login>])[] = [
    ['method', { ...good, iam_http_request_method: 'GET' }], ['method', { ...good, iam_http_request_method: 'DELETE' }],
    ...['https://sts.amazonaws.com/?Action=GetCallerIdentity', 'https://sts.amazonaws.com/x', 'https://a:b@sts.amazonaws.com/', 'https://sts.amazonaws.com/#x', 'https://sts.amazonaws.com\r\nx: y/', 'file:///etc/passwd', '//sts.amazonaws.com/', 'https://sts.amazonaws.com@example.org/', ''].map((each) => [`url ${each}`, url(each)] as const),
    ...['Action=AssumeRole&Version=2011-06-15', `${BODY}&Action=AssumeRole`, `Action=AssumeRole&${BODY}`, `${BODY}&RoleArn=x`, 'Action=GetCallerIdentity&Version=2011-06-15\n', 'action=GetCallerIdentity', 'Action=%47etCallerIdentity&Version=2011-06-15', `${BODY};Action=AssumeRole`, ''].map((body) => [`body ${body}`, signLogin(ann, { body })] as const),
    ['base64', { ...good, iam_request_body: 'not base64!' }], ['base64', { ...good, iam_request_headers: 'e30' }],
    ['no headers', headers(() => ({}))], ['a list', headers(() => [])], ['text', { ...good, iam_request_headers: base64('nonsense') }],
    ['no signature', headers(({ authorization: _gone, ...all }) => all)],
    ['two of one header', headers((all) => ({ ...all, Authorization: all['authorization'] }))], ['two values', headers((all) => ({ ...all, 'x-amz-date': ['a', 'b'] }))],
    ['line break', headers((all) => ({ ...all, 'x-amz-security-token': 'a\r\nx-y: z' }))], ['header name', headers((all) => ({ ...all, 'x y': 'z' }))],
    ['another service', authorization((text) => text.replace('/sts/', '/iam/'))], ['two signatures', authorization((text) => `${text}, SignedHeaders=host`)], ['without host', authorization((text) => text.replace(';host', ''))], ['without date', authorization((text) => text.replace(';x-amz-date', ''))],
    ['target', signLogin(ann, { headers: { 'x-amz-target': 'AWSSecurityTokenService.AssumeRole' } })], ['target', signLogin(ann, { unsigned: { 'x-amz-target': 'x' } })], ['accept', signLogin(ann, { headers: { accept: 'application/json' } })], ['encoding', signLogin(ann, { headers: { 'transfer-encoding': 'chunked' } })],
    ['content type', signLogin(ann, { headers: { 'content-type': 'application/x-amz-json-1.1' } })], ['length', signLogin(ann, { headers: { 'content-length': '1' } })], ['host', headers((all) => ({ ...all, host: 'example.org' }))],
    ['old', signLogin(ann, { at: Date.now() - 20 * 60_000 })], ['of tomorrow', signLogin(ann, { at: Date.now() + 20 * 60_000 })],
    ['nothing', {}], ['not all', { iam_http_request_method: 'POST' }],
  ]
  for (const [what, given] of bad) {
    const answer = await enter(at, given)
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
  }
  assert.equal(aws.requests().length, before)
  assert.equal((await login(`${at}/login`, { role: 'app', pkcs7: 'x' })).status, 400)
  assert.equal((await enter(at, authorization((text) => text.replace(/.$/, (last) => (last === '0' ? '1' : '0'))))).status, 400, 'a signature that STS refuses')
  assert.equal((await enter(at, good)).status, 200)
})

test('of an unsigned header nothing is sent', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` })
  assert.equal((await enter(at, signLogin(ann, { unsigned: { 'x-forwarded-host': 'example.org', cookie: 'x', 'user-agent': 'x' } }))).status, 200)
  const sent = aws.requests().at(-1)?.headers ?? {}
  assert.deepEqual(Object.keys(sent).filter((name) => ['x-forwarded-host', 'cookie', 'user-agent'].includes(name)), [])
})

test('an answer that STS would not give is not believed', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` })
  const result = `<GetCallerIdentityResult><Arn>arn:aws:iam::${ACCOUNT}:user/ann</Arn><UserId>AIDAX</UserId><Account>${ACCOUNT}</Account></GetCallerIdentityResult>`
  const whole = (inner: string): string => `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${inner}<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
  aws.break({ body: whole(result) })
  assert.equal((await enter(at, signLogin(ann))).status, 200, 'the frame of what follows')
  const tricks: readonly { readonly status?: number; readonly type?: string; readonly body: string }[] = [
    { body: whole(result + result) }, { body: whole(result.replace('</Arn>', `</Arn><Arn>arn:aws:iam::${ACCOUNT}:user/eve</Arn>`)) }, { body: whole(result.replace('ann<', 'ann<!-- x --><')) },
    { body: whole(result.replace('user/ann', 'user/&#97;nn')) }, { body: `<!DOCTYPE x [<!ENTITY a "ann">]>${whole(result)}` }, { body: whole(result.replace('ann', '<![CDATA[ann]]>')) },
    { body: `{"GetCallerIdentityResponse": 1}` }, { body: '' }, { type: 'application/json', body: whole(result) }, { type: 'text/html', body: whole(result) }, { status: 302, body: whole(result) }, { status: 201, body: whole(result) },
    { body: whole(result.replace(`<Account>${ACCOUNT}`, '<Account>210987654321')) }, { body: whole(result.replace('user/ann', 'root')) }, { body: whole(result.replace('arn:aws:iam', 'arn:aws:s3')) }, { body: ' '.repeat(100_000) + whole(result) },
    { body: `<ErrorResponse>${whole(result)}</ErrorResponse>` },
  ]
  for (const trick of tricks) {
    aws.break(trick)
    assert.equal((await enter(at, signLogin(ann))).status, 400, JSON.stringify(trick).slice(0, 300))
  }
  aws.break({ body: 'x'.repeat(2 * 1024 * 1024) })
  assert.equal((await enter(at, signLogin(ann))).status, 502)
  aws.break({ status: 503, body: '' })
  assert.equal((await enter(at, signLogin(ann))).status, 502)
  aws.break(undefined)
})

test('the header that names this server must be there, right, and signed', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` }, { iam_server_id_header_value: 'vault.example.org' })
  const name = 'x-vault-aws-iam-server-id'
  assert.equal((await enter(at, signLogin(ann, { headers: { [name]: 'vault.example.org' } }))).status, 200)
  for (const given of [signLogin(ann), signLogin(ann, { headers: { [name]: 'other' } }), signLogin(ann, { unsigned: { [name]: 'vault.example.org' } })]) assert.match(errorsOf(await enter(at, given))[0] ?? '', /^error validating X-Vault-AWS-IAM-Server-ID header: /)
})

test('names are resolved to ids: a user that was made anew is another', async () => {
  const at = await configured({ auth_type: 'iam', bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann,arn:aws:iam::${ACCOUNT}:role/team/app` }, asReader)
  const { data } = await root.expect('GET', `/v1/auth/${at}/role/app`)
  assert.deepEqual([data.resolve_aws_unique_ids, data.bound_iam_principal_id.length, data.bound_iam_principal_id[1]], [true, 2, 'AROAAPPAPPAPPAPPAPPAP'])
  assert.equal((await enter(at, signLogin(ann))).status, 200)
  assert.equal((await enter(at, signLogin(app))).status, 200)
  const anew = aws.keys(`arn:aws:iam::${ACCOUNT}:user/ann`, { id: 'AIDAANEWANEWANEWANEWA' })
  assert.equal((await enter(at, signLogin(anew))).status, 400)
  assert.match(errorsOf(await root.call('POST', `/v1/auth/${at}/role/app`, { resolve_aws_unique_ids: false }))[0] ?? '', /is not allowed$/)
  const without = await mount('aws')
  const refused = await root.call('POST', `/v1/auth/${without}/role/app`, { auth_type: 'iam', bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann` })
  assert.match(errorsOf(refused)[0] ?? '', /^unable to resolve ARN/)
})

test('patterns match the whole name with its path; accounts can be bound', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:role/team/*` }, asReader)
  assert.equal((await enter(at, signLogin(app))).status, 200)
  assert.equal((await enter(at, signLogin(ann))).status, 400)
  const stranger = aws.keys('arn:aws:sts::210987654321:assumed-role/app/x', { fullArn: 'arn:aws:iam::210987654321:role/team/app' })
  assert.equal((await enter(at, signLogin(stranger))).status, 400)
  const byAccount = await configured({ ...byName, bound_account_id: ACCOUNT })
  assert.equal((await enter(byAccount, signLogin(ann))).status, 200)
  assert.equal((await enter(byAccount, signLogin(stranger))).status, 400)
  for (const role of [{}, { bound_iam_principal_arn: '*' }, { bound_iam_principal_arn: 'arn:aws:iam::*' }, { bound_iam_principal_arn: 'x' }, { bound_account_id: 'x' }, { auth_type: 'ec2', bound_ami_id: 'x' }, { auth_type: 'x' }, { inferred_entity_type: 'ec2_instance', bound_account_id: ACCOUNT }]) {
    assert.equal((await root.call('POST', `/v1/auth/${at}/role/bad`, { ...byName, ...role })).status, 400, JSON.stringify(role))
  }
})

test('the alias can be the caller\'s own; configuration is read as written, the secret key never', async () => {
  const at = await configured({ ...byName, bound_iam_principal_arn: `arn:aws:iam::${ACCOUNT}:user/ann,arn:aws:iam::${ACCOUNT}:role/app` }, { ...asReader, allowed_sts_header_values: 'X-Custom' })
  await root.expect('POST', `/v1/auth/${at}/config/identity`, { iam_alias: 'canonical_arn', iam_metadata: ['client_arn', 'client_user_id'] }, { status: 204 })
  const [one, two] = [await enter(at, signLogin(ann)), await enter(at, signLogin(app, { headers: { 'x-custom': '1' } }))]
  assert.notEqual(one.json.auth.entity_id, two.json.auth.entity_id)
  assert.deepEqual([one.json.auth.metadata.client_arn, one.json.auth.metadata.account_id], [`arn:aws:iam::${ACCOUNT}:user/ann`, undefined])
  const config = await root.expect('GET', `/v1/auth/${at}/config/client`)
  assert.ok(!config.text.includes(reader.secretKey))
  assert.deepEqual([config.data.access_key, config.data.allowed_sts_header_values, config.data.max_retries], [reader.accessKey, ['X-Custom'], -1])
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/config/identity`)).data.iam_alias, 'canonical_arn')
  for (const path of ['role', 'roles']) assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/${path}`)).data, { keys: ['app'] })
  for (const bad of [{ iam_alias: 'x' }, { iam_metadata: ['x'] }]) assert.equal((await root.call('POST', `/v1/auth/${at}/config/identity`, bad)).status, 400)
  for (const bad of [{ sts_endpoint: 'https://sts.amazonaws.com/x' }, { sts_endpoint: 'ftp://x' }, { role_arn: 'x' }, { allowed_sts_header_values: 'X-Amz-Target' }, { allowed_sts_header_values: 'a b' }]) assert.equal((await root.call('POST', `/v1/auth/${at}/config/client`, bad)).status, 400, JSON.stringify(bad))
  await root.expect('DELETE', `/v1/auth/${at}/role/app`, undefined, { status: 204 })
  await root.expect('DELETE', `/v1/auth/${at}/config/client`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `/v1/auth/${at}/config/client`)).status, 404)
})
