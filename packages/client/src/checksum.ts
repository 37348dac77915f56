// The checksum that goes with every body: HMAC-SHA-256 keyed with the token, so that a body that something on the way
// changed or swapped is refused before it is acted on, also where TLS ends at a proxy.

const encoder = new TextEncoder()
const algorithm = { name: 'HMAC', hash: 'SHA-256' }

/** `sha256=<hex>` over the bytes of the body. */
export const bodyChecksum = async (token: string, body: Uint8Array<ArrayBuffer>): Promise<string> => {
  const key = await crypto.subtle.importKey('raw', encoder.encode(token), algorithm, false, ['sign'])
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, body))
  return `sha256=${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
