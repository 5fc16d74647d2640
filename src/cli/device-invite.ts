import type { X509Certificate } from 'node:crypto'
import { toDeviceId, toDeviceName } from '../ca/device-id.ts'
import { isGoodFor, nameForOthers } from '../ca/gateway-names.ts'
import { authoritiesInForce } from '../ca/in-force.ts'
import { type Layout, openLayout } from '../ca/layout.ts'
import { readOwn } from '../ca/read-certificate.ts'
import { inviteDevice } from '../enrol/operator.ts'
import { ArgumentsError, readArguments, requireWords } from './arguments.ts'
import { print } from './command.ts'
import { ALLOW, DEVICE_ACL_FILE, DEVICE_JSON_LINES, DIR, TTL, URL_FLAG } from './device-flags.ts'
import { inDirectory } from './directory.ts'
import { listenPort } from './door-port.ts'
import { durationIn, originIn } from './flag-values.ts'
import { grantIn, grantsIn, rightLines, rightsOf } from './rights.ts'

export async function invite(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, {
    dir: DIR,
    ttl: TTL,
    url: URL_FLAG,
    json: DEVICE_JSON_LINES,
    allow: ALLOW,
    'acl-file': DEVICE_ACL_FILE,
  })
  requireWords(words, ['NAME'])
  const [name = ''] = words
  const lasts = durationIn('--ttl', values.ttl, '7d')
  const given =
    values.url === undefined
      ? undefined
      : originIn('--url', values.url, 'https://gateway.example.com:8444')
  const grants = grantsIn(values.allow, ['readwrite', 'read', 'write'])
  await inDirectory(values.dir, async () => {
    const layout = openLayout(values.dir)
    const aclFile = aclFileOf(layout, values['acl-file'])
    const granting = grantIn(aclFile, grants, `device invite ${name}`)
    const certificate = await readOwn(layout.certs)
    const url = given ?? urlOf(layout, certificate)
    await granting.check(toDeviceId(name))
    const { id, token, expires, isTaken } = await inviteDevice(values.dir, name, lasts)
    await granting.write(id)
    const rights = await rightsOf(aclFile, id)
    // the oldest CA, which signed the enrol door's certificate
    const [{ fingerprint: ca }] = await authoritiesInForce(layout)
    const warnings = nameWarnings(layout, certificate, url)
    const command = `wott-device enrol ${url} ${id} ${token} ${ca}`
    const until = new Date(expires).toISOString()
    if (values.json)
      print(
        JSON.stringify({ id, url, token, ca, command, expires: until, active: isTaken, ...rights }),
      )
    else
      print(
        [
          ...linesOf(command, id, until),
          ...takenLines(id, isTaken),
          ...warnings,
          ...rightLines(id, rights, `readwrite ${toDeviceName(id)}/#`),
        ].join('\n'),
      )
  })
}

/** The ACL file of the gateway that uses this CA. */
export function aclFileOf(layout: Layout, given: string | undefined): string {
  return given || process.env.WOTT_ACL_FILE || layout.acl
}

/** The URL at which other machines reach the enrol door, from the names in the gateway's certificate. */
function urlOf(layout: Layout, certificate: X509Certificate): string {
  const host = nameForOthers(certificate)
  if (host === null)
    throw new ArgumentsError(
      `the gateway's certificate has no name or address that other machines can use: add one with "wott-gateway init ${layout.directory} --name HOST_OR_IP", or use --url`,
    )
  return `https://${host.includes(':') ? `[${host}]` : host}:${listenPort('enrolListen')}`
}

function linesOf(command: string, id: string, until: string): string[] {
  return [
    'Run this once on the device:',
    `  ${command}`,
    `The command works until ${until}. The device becomes ${id}.`,
  ]
}

/** A device refuses a door whose certificate does not have its name. */
function nameWarnings(layout: Layout, certificate: X509Certificate, url: string): string[] {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  if (isGoodFor(certificate, host)) return []
  return [
    `The gateway's certificate does not contain ${host}, so the device will refuse it. Add the name with "wott-gateway init ${layout.directory} --name ${host}".`,
  ]
}

function takenLines(id: string, isTaken: boolean): string[] {
  if (!isTaken) return []
  return [
    `Warning: the name ${id} already belongs to an active device. Whoever uses this command gets its name and rights, and that device can no longer renew its certificate.`,
  ]
}
