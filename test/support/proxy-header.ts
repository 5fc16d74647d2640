import { isIPv4, SocketAddress } from 'node:net'

const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

export function v1Header(source: string, port: number): Buffer {
  const [family, destination] = isIPv4(source) ? ['TCP4', '192.0.2.1'] : ['TCP6', '2001:db8::1']
  return Buffer.from(`PROXY ${family} ${source} ${destination} ${port} 443\r\n`)
}

/** A header of version 2 with these bytes after its length. */
export function rawV2Header(command: number, family: number, rest: Buffer): Buffer {
  const fixed = Buffer.from([command, family, 0, 0])
  fixed.writeUInt16BE(rest.length, 2)
  return Buffer.concat([V2_START, fixed, rest])
}

export function v2Header(source: string, port: number, tlvs: Buffer = Buffer.alloc(0)): Buffer {
  const address = addressBytes(source)
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(port, 0)
  ports.writeUInt16BE(443, 2)
  const rest = Buffer.concat([address, address, ports, tlvs])
  return rawV2Header(0x21, address.length === 4 ? 0x11 : 0x21, rest)
}

export const LOCAL_HEADER = rawV2Header(0x20, 0x00, Buffer.alloc(0))

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  const groups = [...before, ...zeros, ...after]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
