/**
 * Signatures of requests to AWS, version 4 (AWS Signature Version 4, "Signing AWS API requests"): for requests of one line of headers and a
 * form as body, as the query APIs of IAM and STS take them.
 */
import { createHash, createHmac } from 'node:crypto'
import { reveal, type Secret } from '../secret.ts'

export interface AwsCredentials {
  readonly accessKey: string
  readonly secretKey: Secret<string>
  readonly region: string
  readonly service: string
}

export interface AwsRequest {
  readonly host: string
  readonly path: string
  readonly body: string
  readonly contentType: string
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: Uint8Array | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The headers of a POST, signature included. `at` is in milliseconds. */
export const signAwsPost = (request: AwsRequest, credentials: AwsCredentials, at: number): Readonly<Record<string, string>> => {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const scope = `${day}/${credentials.region}/${credentials.service}/aws4_request`
  const names = 'content-type;host;x-amz-date'
  const canonical = ['POST', request.path, '', `content-type:${request.contentType}`, `host:${request.host}`, `x-amz-date:${time}`, '', names, sha256(request.body)].join('\n')
  const key = [day, credentials.region, credentials.service, 'aws4_request'].reduce<Uint8Array | string>((before, part) => hmac(before, part), `AWS4${reveal(credentials.secretKey, 'to sign a request')}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex')
  return { 'content-type': request.contentType, host: request.host, 'x-amz-date': time, authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}` }
}
