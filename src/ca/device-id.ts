import { randomBytes } from 'node:crypto'
import { UsageError } from '../errors.ts'

const DOMAIN = '.d.wott.local'

/** The gateway's own WoTT ID. */
export const GATEWAY_ID = `gateway${DOMAIN}`

const WOTT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

// ub-common-name (RFC 5280, appendix A.1). OpenSSL, Node, curl, Mosquitto and our doors accept longer names, but OpenSSL does
// not create them, so a device could not request its certificate again.
const MAX_LENGTH = 64

/** What a person means by `name`: `kitchen` is `kitchen.d.wott.local`, anything with a dot is a full ID. */
export function toFullName(name: string): string {
  return name.includes('.') ? name : name + DOMAIN
}

/** The WoTT ID that a person means by `name`. Throws a UsageError if no device can have it. */
export function toDeviceId(name: string): string {
  const id = toFullName(name)
  // the name becomes a directory: the pattern also stops "../x"
  if (name === '' || !WOTT_ID.test(id))
    throw new UsageError(
      `${JSON.stringify(name)} cannot be the name of a device: it must start with a letter or digit, followed by letters, digits, ".", "_" and "-"`,
    )
  if (id.length > MAX_LENGTH)
    throw new UsageError(
      `the name of the device is too long: its WoTT ID would have ${id.length} characters, and the CN of a certificate has at most ${MAX_LENGTH}`,
    )
  return id
}

/** The short name of a WoTT ID, which is also the name of its directory: the reverse of {@link toDeviceId}. */
export function toDeviceName(id: string): string {
  const name = id.slice(0, -DOMAIN.length)
  return id.endsWith(DOMAIN) && !name.includes('.') ? name : id
}

/** A random name in the style of the WoTT service. */
export function randomDeviceName(): string {
  return randomBytes(6).toString('hex')
}
