import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { addressGroup } from '../../src/net/address.ts'

it('an IPv4 address counts as one, also in the notation of an IPv6 socket', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      assert.equal(addressGroup(address), address)
      assert.equal(addressGroup(`::ffff:${address}`), address)
    }),
  )
})

it('an IPv6 address counts as its /64 network, in any notation', () => {
  const group = fc.integer({ min: 0, max: 0xffff })
  const four = fc.tuple(group, group, group, group)
  fc.assert(
    fc.property(four, four, four, (network, host, other) => {
      const text = (groups: number[]) => groups.map((one) => one.toString(16)).join(':')
      const whole = text([...network, ...host])
      assert.equal(addressGroup(whole), `${text(network)}::/64`)
      assert.equal(addressGroup(text([...network, ...other])), addressGroup(whole))
      const shortened = new URL(`http://[${whole}]`).hostname.slice(1, -1)
      assert.equal(addressGroup(shortened), addressGroup(whole))
    }),
  )
  assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(addressGroup('::1'), '0:0:0:0::/64')
  assert.equal(addressGroup(undefined), '')
})
