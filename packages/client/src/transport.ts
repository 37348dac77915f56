// How a request travels. The default is fetch, which every runtime has; a program that needs its own certificates or
// pins gives a transport of its own.

export interface WireRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | undefined
  readonly signal: AbortSignal
}

export interface WireResponse {
  readonly status: number
  /** Names in lower case. */
  header(name: string): string | undefined
  readonly text: string
}

/** Rejects when no whole answer came. */
export type Transport = (request: WireRequest) => Promise<WireResponse>

export const fetchTransport: Transport = async ({ method, url, headers, body, signal }) => {
  const response = await fetch(url, {
    method,
    headers,
    signal,
    // A redirect would carry the token to another place.
    redirect: 'error',
    cache: 'no-store',
    credentials: 'omit',
    ...(body === undefined ? {} : { body }),
  })
  return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, text: await response.text() }
}
