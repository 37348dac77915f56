import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyCidrContains, cidrContains, cidrCovers, parseAddress, parseCidr } from './cidr.ts'

function contains(range: string, address: string): boolean {
  const cidr = parseCidr(range)
  assert.ok(cidr, `${range} is a range`)
  return cidrContains(cidr, address)
}

test('an address is in its range and not in the next', () => {
  assert.ok(contains('10.0.0.0/8', '10.255.255.255'))
  assert.ok(!contains('10.0.0.0/8', '11.0.0.0'))
  assert.ok(contains('192.168.1.128/25', '192.168.1.200'))
  assert.ok(!contains('192.168.1.128/25', '192.168.1.127'))
  assert.ok(contains('2001:db8::/33', '2001:db8:7fff::1'))
  assert.ok(!contains('2001:db8::/33', '2001:db8:8000::1'))
  assert.ok(contains('0.0.0.0/0', '255.1.2.3'))
  assert.ok(contains('::/0', 'ff02::1'))
})

test('a bare address is a range of one, and host bits are cleared', () => {
  assert.ok(contains('10.1.2.3', '10.1.2.3'))
  assert.ok(!contains('10.1.2.3', '10.1.2.4'))
  assert.ok(contains('10.1.2.3/8', '10.9.9.9'))
  assert.ok(contains('::1', '0:0:0:0:0:0:0:1'))
})

test('an IPv4 peer on a dual-stack listener is its IPv4 address', () => {
  assert.ok(contains('10.0.0.0/8', '::ffff:10.1.1.1'))
  assert.ok(contains('10.0.0.0/8', '::FFFF:0a01:0101'))
  assert.ok(contains('::ffff:10.0.0.0/104', '10.1.1.1'))
  assert.ok(contains('::ffff:10.1.1.1', '10.1.1.1'))
})

test('no IPv6 range holds an IPv4 address and the reverse', () => {
  assert.ok(!contains('::/0', '10.1.1.1'))
  assert.ok(!contains('::/0', '::ffff:10.1.1.1'))
  assert.ok(!contains('0.0.0.0/0', '::1'))
  assert.ok(!contains('10.0.0.0/8', '::10.1.1.1'))
})

test('the zone of a link-local peer is not part of its address', () => {
  assert.ok(contains('fe80::/10', 'fe80::1%eth0'))
  assert.equal(parseCidr('fe80::1%eth0'), undefined)
  assert.equal(parseCidr('fe80::1%eth0/64'), undefined)
})

test('what is not a range is refused', () => {
  for (const text of ['', '/', '10.0.0.0/', '/8', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/8/8', '10.0.0/8', '010.0.0.0/8', '::/129', ':::/8', '1::2::3/64', 'localhost', '10.0.0.0 /8', '10.0.0.0/8 ', '0x0a.0.0.0', '12345::/16', '10.0.0.0/1e1', '[::1]/128']) {
    assert.equal(parseCidr(text), undefined, text)
  }
})

test('an address that cannot be read is in no range', () => {
  const everything = ['0.0.0.0/0', '::/0'].flatMap((text) => parseCidr(text) ?? [])
  for (const text of ['', 'localhost', '10.0.0.1.', '10.0.0.256', '1.2.3', '%eth0', 'unknown']) {
    assert.equal(anyCidrContains(everything, text), false, text)
    assert.equal(parseAddress(text), undefined)
  }
  assert.ok(anyCidrContains(everything, '1.2.3.4'))
  assert.ok(anyCidrContains(everything, '::1'))
  assert.equal(anyCidrContains([], '1.2.3.4'), false)
})

test('IPv4 ranges agree with Node on every address', () => {
  fc.assert(fc.property(fc.ipV4(), fc.nat({ max: 32 }), fc.ipV4(), fc.nat({ max: 32 }), (network, prefix, other, shared) => {
    const list = new BlockList()
    list.addSubnet(network, prefix, 'ipv4')
    for (const address of [other, blend(network, other, shared)]) {
      assert.equal(contains(`${network}/${prefix}`, address), list.check(address, 'ipv4'), `${network}/${prefix} ${address}`)
      assert.equal(contains(`${network}/${prefix}`, `::ffff:${address}`), list.check(address, 'ipv4'))
    }
  }))
})

test('IPv6 ranges agree with Node on every address', () => {
  const plain = fc.ipV6().filter((text) => !/^::ffff:/i.test(text) && parseAddress(text)?.length === 16)
  fc.assert(fc.property(plain, fc.nat({ max: 128 }), plain, (network, prefix, other) => {
    const list = new BlockList()
    list.addSubnet(network, prefix, 'ipv6')
    for (const address of [network, other]) assert.equal(contains(`${network}/${prefix}`, address), list.check(address, 'ipv6'), `${network}/${prefix} ${address}`)
  }))
})

/** An address that shares its first bits with the network, so that both answers occur. */
function blend(network: string, other: string, sharedBits: number): string {
  const [a, b] = [network, other].map((text) => Buffer.from(text.split('.').map(Number)).readUInt32BE())
  const mask = sharedBits === 0 ? 0 : (0xffffffff << (32 - sharedBits)) >>> 0
  const mixed = (((a ?? 0) & mask) | ((b ?? 0) & ~mask)) >>> 0
  return [24, 16, 8, 0].map((shift) => (mixed >>> shift) & 0xff).join('.')
}

test('a range covers what lies wholly in it', () => {
  const covers = (outer: string, inner: string): boolean => {
    const [one, other] = [parseCidr(outer), parseCidr(inner)]
    assert.ok(one !== undefined && other !== undefined)
    return cidrCovers(one, other)
  }
  assert.ok(covers('10.0.0.0/8', '10.1.0.0/16'))
  assert.ok(covers('10.0.0.0/8', '10.0.0.0/8'))
  assert.ok(!covers('10.1.0.0/16', '10.0.0.0/8'))
  assert.ok(!covers('10.0.0.0/8', '11.0.0.0/16'))
  assert.ok(covers('::/0', '2001:db8::/32'))
  assert.ok(!covers('::/0', '10.0.0.0/8'), 'families do not cover each other')
})
