// What STS and IAM say. Only the configured address is asked, and an answer is believed only when it is, character by character, built as
// AWS builds it: nothing of it is interpreted, so there is nothing to be tricked with (entities, comments, a second result).

import { signAwsPost } from '../../crypto/protocols/aws-signature.ts'
import { secret } from '../../crypto/secret.ts'
import type { AuthParts, OutboundAnswer } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { parseArn, type Principal } from './principal.ts'
import type { Client } from './records.ts'
import type { SignedRequest } from './signed-request.ts'

export interface Caller {
  readonly arn: string
  readonly account: string
  /** Of the user or role; never used again for another. */
  readonly uniqueId: string
  readonly principal: Principal
}

const MAX_ANSWER = 16 * 1024
const MAX_IAM_ANSWER = 256 * 1024
const ANSWER = /^\s*(?:<\?xml version="1\.0"(?: encoding="[A-Za-z0-9-]{1,16}")?\?>\s*)?<GetCallerIdentityResponse(?:\s+xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/")?>\s*<GetCallerIdentityResult>([^]*?)<\/GetCallerIdentityResult>\s*<ResponseMetadata>\s*<RequestId>[\w-]{1,128}<\/RequestId>\s*<\/ResponseMetadata>\s*<\/GetCallerIdentityResponse>\s*$/
const FIELD = /<(Arn|UserId|Account)>([\w:+=,.@/-]{1,1024})<\/\1>/g

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'aws.login', message, { cause })
const invalid = (): Error => refused('error making upstream request: body of GetCallerIdentity is invalid')

/** Undefined unless it is built as an answer of STS is. */
export const readCaller = (text: string): { readonly arn: string; readonly userId: string; readonly account: string } | undefined => {
  const result = text.length > MAX_ANSWER ? undefined : ANSWER.exec(text)?.[1]
  if (result === undefined || result.replace(FIELD, '').trim() !== '') return undefined
  const fields = [...result.matchAll(FIELD)].map((match) => [match[1] ?? '', match[2] ?? ''] as const)
  const values = new Map(fields)
  const [arn, userId, account] = [values.get('Arn'), values.get('UserId'), values.get('Account')]
  return fields.length === 3 && arn !== undefined && userId !== undefined && account !== undefined ? { arn, userId, account } : undefined
}

const endpointOf = (client: Client, request: SignedRequest): string => {
  if (client.stsEndpoint !== '') return client.stsEndpoint
  if (!client.useRegionOfRequest) return 'https://sts.amazonaws.com/'
  if (!/^[a-z]{2}(-[a-z]{2,12}){1,2}-\d$/.test(request.region)) throw refused('region missing from Authorization header')
  return `https://sts.${request.region}.amazonaws.com${request.region.startsWith('cn-') ? '.cn' : ''}/`
}

/** Who signed the request. @throws invalid_request when STS does not say so, upstream_failed when it does not answer */
export const callerOf = async (parts: AuthParts, client: Client, request: SignedRequest): Promise<Caller> => {
  const answer: OutboundAnswer = await parts.outbound.ask({ url: endpointOf(client, request), method: 'POST', headers: request.headers, body: request.body })
  if (answer.status >= 500) throw fail('upstream_failed', 'aws.sts', `STS answered with status ${answer.status}.`)
  // What STS says of a request that it refuses may quote the request.
  if (answer.status !== 200) throw refused(`error making upstream request: received error code ${answer.status} from STS`)
  if (answer.contentType !== 'text/xml') throw invalid()
  const said = readCaller(answer.body.toString('utf8'))
  if (said === undefined) throw invalid()
  const principal = parseArn(said.arn)
  if (principal === undefined || principal.account !== said.account) throw refused(`error parsing arn ${JSON.stringify(said.arn.slice(0, 256))}: it is neither a user nor a role`)
  return { arn: said.arn, account: said.account, uniqueId: said.userId.split(':')[0] ?? '', principal }
}

/** What IAM knows of a user or role: the whole name with its path, and the id. @throws invalid_request when IAM does not say */
export const lookUp = async (parts: AuthParts, client: Client, principal: Principal, now: number): Promise<{ readonly arn: string; readonly id: string }> => {
  if (client.accessKey === '' || client.secretKey === '') throw refused('access_key and secret_key are not configured')
  const isUser = principal.type === 'user'
  if (principal.type === 'instance-profile') throw refused('instance profiles are not supported')
  const url = new URL(client.iamEndpoint === '' ? (principal.partition === 'aws-cn' ? 'https://iam.cn-north-1.amazonaws.com.cn/' : principal.partition === 'aws-us-gov' ? 'https://iam.us-gov.amazonaws.com/' : 'https://iam.amazonaws.com/') : client.iamEndpoint)
  const body = new URLSearchParams([['Action', isUser ? 'GetUser' : 'GetRole'], [isUser ? 'UserName' : 'RoleName', principal.name], ['Version', '2010-05-08']]).toString()
  const region = principal.partition === 'aws-cn' ? 'cn-north-1' : principal.partition === 'aws-us-gov' ? 'us-gov-west-1' : 'us-east-1'
  const headers = signAwsPost({ host: url.host, path: '/', body, contentType: 'application/x-www-form-urlencoded; charset=utf-8' }, { accessKey: client.accessKey, secretKey: secret(client.secretKey), region, service: 'iam' }, now)
  const answer = await parts.outbound.ask({ url: url.href, method: 'POST', headers: { ...headers, accept: 'text/xml' }, body })
  if (answer.status >= 500) throw fail('upstream_failed', 'aws.iam', `IAM answered with status ${answer.status}.`)
  const text = answer.body.length > MAX_IAM_ANSWER ? '' : answer.body.toString('utf8')
  const [id, ...otherIds] = [...text.matchAll(isUser ? /<UserId>([A-Z0-9]{16,128})<\/UserId>/g : /<RoleId>([A-Z0-9]{16,128})<\/RoleId>/g)].map((match) => match[1] ?? '')
  const [arn, ...otherArns] = [...text.matchAll(/<Arn>([\w:+=,.@/-]{1,2048})<\/Arn>/g)].map((match) => match[1] ?? '')
  const found = arn === undefined ? undefined : parseArn(arn)
  const isIts = found?.account === principal.account && found.name === principal.name
  if (answer.status !== 200 || answer.contentType !== 'text/xml' || text.includes('<!') || id === undefined || arn === undefined || otherIds.length + otherArns.length > 0 || !isIts) throw refused(`IAM does not say who ${principal.name.slice(0, 128)} is (status ${answer.status})`)
  return { arn, id }
}
