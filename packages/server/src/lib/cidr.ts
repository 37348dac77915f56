/**
 * Address ranges for IPv4 and IPv6. An IPv4-mapped IPv6 address (::ffff:a.b.c.d, RFC 4291 2.5.5.2) is the IPv4
 * address it carries, on both sides, because a dual-stack listener reports IPv4 peers that way.
 */
import { isIPv4, isIPv6 } from 'node:net'

export interface Cidr {
  /** The address with its host bits cleared: 4 bytes or 16. */
  readonly network: Buffer
  readonly prefix: number
}

/** A range, or a bare address as the range of itself. Host bits may be set and are cleared, as Go's ParseCIDR does. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  // A zone names an interface of one machine; a stored range that has one would mean different things on different nodes.
  if (text.includes('%')) return undefined
  const written = addressBytes(slash === -1 ? text : text.slice(0, slash))
  if (written === undefined) return undefined
  const bits = written.length * 8
  const prefixText = slash === -1 ? String(bits) : text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText) || Number(prefixText) > bits) return undefined
  const prefix = Number(prefixText)
  if (isMapped(written) && prefix >= 96) return masked(written.subarray(12), prefix - 96)
  return masked(written, prefix)
}

/** As Vault writes a range of one address: the address. */
export const shownCidr = (text: string): string => text.replace(/^([\d.]+)\/32$/, '$1').replace(/^([\da-fA-F:.]*:[\da-fA-F:.]*)\/128$/, '$1')

/** Bytes of an address: 4 for IPv4 (mapped or not), 16 for IPv6. Undefined when it is neither. */
export function parseAddress(text: string): Buffer | undefined {
  const zone = text.indexOf('%')
  const bytes = addressBytes(zone === -1 ? text : text.slice(0, zone))
  return bytes !== undefined && isMapped(bytes) ? bytes.subarray(12) : bytes
}

export function cidrContains(cidr: Cidr, address: string): boolean {
  const bytes = parseAddress(address)
  return bytes !== undefined && containsBytes(cidr, bytes)
}

/** Whether any of the ranges holds the address. An address that cannot be read is in none. */
export function anyCidrContains(cidrs: readonly Cidr[], address: string): boolean {
  const bytes = parseAddress(address)
  return bytes !== undefined && cidrs.some((cidr) => containsBytes(cidr, bytes))
}

/** Whether the first range holds the whole of the second. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && containsBytes(outer, inner.network)
}

function containsBytes(cidr: Cidr, address: Buffer): boolean {
  if (address.length !== cidr.network.length) return false
  return masked(address, cidr.prefix).network.equals(cidr.network)
}

function masked(address: Buffer, prefix: number): Cidr {
  const network = Buffer.alloc(address.length)
  const whole = prefix >> 3
  network.set(address.subarray(0, whole))
  if (whole < network.length) network[whole] = (address[whole] ?? 0) & (0xff00 >> (prefix & 7))
  return { network, prefix }
}

function isMapped(bytes: Buffer): boolean {
  return bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0)
}

function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  // The zone is refused here so that callers decide about it.
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = text.split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(16 - before.length - after.length).fill(0)
  return Buffer.from([...before, ...zeros, ...after])
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
