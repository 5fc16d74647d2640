import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { NetworkInterfaceInfo } from 'node:os'
import { test } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { GATEWAY_ID } from '../../src/ca/device-id.ts'
import { gatewayNames, nameForOthers } from '../../src/ca/gateway-names.ts'
import { issue } from '../../src/ca/issue.ts'
import { type Machine, thisMachine } from '../../src/ca/machine.ts'

const authority = await createAuthority()
const PI: Machine = {
  hostName: 'pi',
  localName: 'pi.local',
  addresses: ['192.168.1.5', 'fd00::5'],
}

function card(address: string, internal = false): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  const common = { address, internal, netmask: '', mac: '', cidr: null }
  return family === 'IPv6' ? { ...common, family, scopeid: 0 } : { ...common, family }
}

async function certificateFor(names: readonly string[]): Promise<X509Certificate> {
  const { certificate } = await issue(authority, {
    commonName: GATEWAY_ID,
    names: [GATEWAY_ID, ...names],
    days: 1,
  })
  return new X509Certificate(certificate)
}

test('network addresses exclude loopback and link-local ones', () => {
  const { addresses } = thisMachine({
    docker0: [card('172.17.0.1')],
    lo: [card('127.0.0.1', true), card('::1', true)],
    eth0: [card('fd00::5'), card('fe80::1'), card('192.168.1.5'), card('169.254.7.7')],
    wlan0: [card('10.0.0.5'), card('192.168.1.5')],
    gone: undefined,
  })
  assert.deepEqual(addresses, ['192.168.1.5', '10.0.0.5', 'fd00::5', '172.17.0.1'])
  const many = Array.from({ length: 99 }, (_, n) => card(`10.0.0.${n + 1}`))
  assert.equal(thisMachine({ eth0: many }).addresses.length, 16)
})

test('this machine has a name under .local', () => {
  assert.match(thisMachine().localName, /^[^.]+\.local$/)
})

test('the certificate of the gateway holds every name that other machines use, once', () => {
  assert.deepEqual(gatewayNames(['gw.example', '192.168.1.5'], PI), [
    ...['localhost', 'pi', 'gw.example', '192.168.1.5', 'pi.local', 'fd00::5'],
    ...['127.0.0.1', '::1'],
  ])
})

test('the name for other machines is the first useful one in the certificate', async () => {
  const cases: [names: string[], expected: string | null][] = [
    [gatewayNames(['gw.example'], PI), 'gw.example'],
    [gatewayNames(['203.0.113.9'], PI), '192.168.1.5'],
    [gatewayNames([], PI), '192.168.1.5'],
    // the machine has another address since
    [gatewayNames([], { ...PI, addresses: ['10.0.0.5'] }), 'pi.local'],
    [['localhost', 'FD00::5'], 'fd00::5'],
    [['localhost', '10.0.0.5', '127.0.0.1'], '10.0.0.5'],
    // as an older init made it, without such names
    [['localhost', 'pi', '127.0.0.1', '::1'], null],
  ]
  for (const [names, expected] of cases)
    assert.equal(nameForOthers(await certificateFor(names), PI), expected, names.join(' '))
})
