// One HTTP request at a time, plain or over TLS with the bench's own certificate: for seeding and for waiting, not for measuring.

import { request as plain } from 'node:http'
import { request as secure } from 'node:https'
import { certificateAuthority } from './certificate.ts'

export interface Asked {
  readonly status: number
  readonly text: string
}

export const ask = (url: string, { method = 'GET', headers = {}, body }: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | undefined } = {}): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) } }
    const made = url.startsWith('https:') ? secure(url, { ...options, ca: certificateAuthority() }) : plain(url, options)
    made.once('error', reject)
    made.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
    })
    made.end(body)
  })
