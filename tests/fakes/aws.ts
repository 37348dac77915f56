// STS and IAM of AWS as far as logins ask them. Requests are good when their signature is: version 4, verified here from the request as it
// arrived, header by header. And a client that signs, as the SDKs of AWS do.

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterwards, type Scope } from '../support/cleanup.ts'

export interface Keys {
  readonly accessKey: string
  readonly secretKey: string
}

export interface FakeAws {
  readonly address: string
  /** Keys of a user, of a role's session (`assumed-role/name/session`), or of somebody who may ask IAM. */
  keys(arn: string, options?: { readonly id?: string; readonly fullArn?: string }): Keys
  /** What arrived, newest last. */
  requests(): readonly { readonly headers: Readonly<Record<string, string>>; readonly body: string }[]
  /** STS answers everything with this until undone. */
  break(answer: { readonly status?: number; readonly type?: string; readonly body: string } | undefined): void
}

export interface Login {
  readonly iam_http_request_method: string
  readonly iam_request_url: string
  readonly iam_request_body: string
  readonly iam_request_headers: string
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const signingKey = (secret: string, scope: readonly string[]): Buffer => scope.reduce((key: Buffer | string, part) => hmac(key, part), `AWS4${secret}`) as Buffer // never empty: four parts

const signature = (secret: string, scope: string, time: string, headers: Readonly<Record<string, string>>, names: readonly string[], body: string): string => {
  const canonical = ['POST', '/', '', ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`), '', names.join(';'), sha256(body)].join('\n')
  return hmac(signingKey(secret, scope.split('/')), ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex')
}

export const BODY = 'Action=GetCallerIdentity&Version=2011-06-15'
export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A login as clients of Vault make it. */
export const signLogin = (keys: Keys, options: { readonly host?: string; readonly region?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>>; readonly unsigned?: Readonly<Record<string, string>>; readonly at?: number } = {}): Login => {
  const { host = 'sts.amazonaws.com', region = 'us-east-1', body = BODY, at = Date.now() } = options
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'content-length': String(body.length), host, 'x-amz-date': time, ...options.headers }
  const names = Object.keys(headers).sort()
  const scope = `${time.slice(0, 8)}/${region}/sts/aws4_request`
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature(keys.secretKey, scope, time, headers, names, body)}`
  return { iam_http_request_method: 'POST', iam_request_url: base64(`https://${host}/`), iam_request_body: base64(body), iam_request_headers: base64(JSON.stringify({ ...headers, ...options.unsigned, authorization })) }
}

interface Known {
  readonly secretKey: string
  readonly arn: string
  readonly id: string
  readonly fullArn: string
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'

const identityOf = ({ arn, id }: Known): string => {
  const session = arn.includes(':assumed-role/') ? `:${arn.split('/').at(-1)}` : ''
  return `<GetCallerIdentityResponse xmlns="${NAMESPACE}">\n  <GetCallerIdentityResult>\n    <Arn>${arn}</Arn>\n    <UserId>${id}${session}</UserId>\n    <Account>${arn.split(':')[4]}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n`
}

const entityOf = (kind: 'User' | 'Role', { fullArn, id }: Known): string =>
  `<Get${kind}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Get${kind}Result><${kind}><Path>/</Path><${kind}Name>${fullArn.split('/').at(-1)}</${kind}Name><${kind}Id>${id}</${kind}Id><Arn>${fullArn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></${kind}></Get${kind}Result><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></Get${kind}Response>`

const errorOf = (code: string): string => `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error><RequestId>x</RequestId></ErrorResponse>`

export const startAws = async (scope: Scope): Promise<FakeAws> => {
  const known = new Map<string, Known>()
  const requests: { headers: Record<string, string>; body: string }[] = []
  let broken: { readonly status?: number; readonly type?: string; readonly body: string } | undefined

  /** Whose request it is; undefined when the signature is not good. */
  const signerOf = (headers: Readonly<Record<string, string>>, body: string): Known | undefined => {
    const match = /^AWS4-HMAC-SHA256 Credential=(\w+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(headers['authorization'] ?? '')
    const [, accessKey = '', credentialScope = '', names = '', given] = match ?? []
    const signer = known.get(accessKey)
    return signer !== undefined && signature(signer.secretKey, credentialScope, headers['x-amz-date'] ?? '', headers, names.split(';'), body) === given ? signer : undefined
  }

  const answerOf = (body: string, signer: Known | undefined): readonly [number, string] => {
    const form = new URLSearchParams(body)
    if (signer === undefined) return [403, errorOf('SignatureDoesNotMatch')]
    const action = form.get('Action')
    if (action === 'GetCallerIdentity') return [200, identityOf(signer)]
    const kind = action === 'GetUser' ? 'User' : action === 'GetRole' ? 'Role' : undefined
    if (kind === undefined) return [400, errorOf('InvalidAction')]
    const name = form.get(`${kind}Name`)
    const found = [...known.values()].find(({ fullArn }) => fullArn.includes(`:${kind.toLowerCase()}/`) && fullArn.split('/').at(-1) === name)
    return found === undefined ? [404, errorOf('NoSuchEntity')] : [200, entityOf(kind, found)]
  }

  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const body = Buffer.concat(chunks).toString()
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      requests.push({ headers, body })
      const isSts = body.includes('GetCallerIdentity')
      const [status, text] = broken !== undefined && isSts ? [broken.status ?? 200, broken.body] : request.method === 'POST' && request.url === '/' ? answerOf(body, signerOf(headers, body)) : [404, errorOf('NotFound')]
      response.writeHead(status, { 'content-type': isSts ? (broken?.type ?? 'text/xml') : 'text/xml' }).end(text)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(scope, async () => {
    const closed = once(server, 'close')
    server.close().closeAllConnections()
    await closed
  })
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // a TCP listener has one
    keys(arn, options = {}) {
      const keys = { accessKey: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`, secretKey: randomBytes(30).toString('base64') }
      const fullArn = options.fullArn ?? arn.replace(/^arn:aws:sts::(\d+):assumed-role\/([^/]+)\/.*$/, 'arn:aws:iam::$1:role/$2')
      known.set(keys.accessKey, { secretKey: keys.secretKey, arn, fullArn, id: options.id ?? `AIDA${createHash('sha256').update(fullArn).digest('hex').slice(0, 17).toUpperCase()}` })
      return keys
    },
    requests: () => requests,
    break: (answer) => {
      broken = answer
    },
  }
}
