import { doorsWith } from '../door-table.ts'
import type { SettingName, Settings } from './schema.ts'
import { namesIn } from './setting.ts'
import { BALANCERS_SETTINGS } from './settings/balancers.ts'
import { DOORS_SETTINGS } from './settings/doors.ts'
import type { ListenAddress, ProxyAddress } from './values/network.ts'

const ADDRESSES = doorsWith({ process: 'serve' }).map((door) => DOORS_SETTINGS.settings[door].name)

/** Problems of the doors in combination; a door whose own text is wrong is missing from `values`. */
export function* doorProblems(
  values: Partial<Record<SettingName, unknown>>,
  changed: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const doors = ADDRESSES.map((name) => ({
    name: called(name),
    address: values[name] as Settings[typeof name] | undefined,
  }))
  if (doors.every(({ name, address }) => address === null || name === called('opsListen')))
    yield 'every door is off, so there is nothing to run: turn on at least one'
  for (const [index, { name, address }] of doors.entries()) {
    const same = doors.slice(0, index).find((other) => collide(other.address, address))
    if (same) yield `${name} must not use the same address as ${same.name}`
  }
  if (isOn(values.proxyProtocol) && values.proxyProtocolFrom === undefined)
    yield `${called('proxyProtocolFrom')} is not set: name the addresses of the load balancers. ${called('proxyProtocol')} needs them, otherwise any client could claim the address of another`
  if (values.proxyProtocol === 'off')
    for (const name of BALANCERS.filter((one) => one !== 'proxyProtocol' && changed.has(one)))
      yield `${called(name)} has no effect without ${called('proxyProtocol')}=v1, v2 or any`
}

const BALANCERS = namesIn({ balancers: BALANCERS_SETTINGS }) as SettingName[]

/** A wrong text counts as off here, as it is reported elsewhere. */
function isOn(version: unknown): boolean {
  return version !== undefined && version !== 'off'
}

function collide(a: ProxyAddress | undefined, b: ProxyAddress | undefined): boolean {
  if (!isPort(a) || !isPort(b) || a.port !== b.port || a.port === 0) return false
  return a.host === b.host || takes(a.host, b.host) || takes(b.host, a.host)
}

function isPort(address: ProxyAddress | undefined): address is NonNullable<ListenAddress> {
  return !!address && 'port' in address
}

/** Whether listening on `host` also takes the address `other`; `::` includes IPv4. */
function takes(host: string, other: string): boolean {
  return host === '::' || (host === '0.0.0.0' && !other.includes(':'))
}
