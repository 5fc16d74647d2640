import type { SettingName, Settings } from './schema.ts'

/** The formats that need the name of a header from the operator. */
const NAMED: Readonly<Partial<Record<SettingName, readonly string[]>>> = {
  proxyCertHeader: ['nginx', 'alb', 'gcp'],
  proxyVerifyHeader: ['nginx'],
  proxyChainHeader: ['gcp'],
}

/** Problems of the settings of the proxy door in combination. */
export function* proxyProblems(
  values: Partial<Record<SettingName, unknown>>,
  called: (name: SettingName) => string,
): Generator<string> {
  const { proxyListen: address, proxyIdentity: format } = values as Partial<Settings>
  // its own text is wrong, which is reported elsewhere
  if (address === undefined) return
  if (address === null) {
    if (format !== undefined)
      yield `${called('proxyIdentity')} needs ${called('proxyListen')}: only the proxy door accepts certificates from a proxy`
    return
  }
  if (format === undefined)
    yield `${called('proxyListen')} needs ${called('proxyIdentity')}, the format in which the proxy passes on certificates`
  if (format === 'aws-apigw')
    yield `${called('proxyIdentity')} must not be aws-apigw here: API Gateway passes the certificate in the event of a function, not in a header`
  for (const [name, formats] of Object.entries(NAMED) as [SettingName, readonly string[]][])
    if (values[name] !== undefined && format !== undefined && !formats.includes(format))
      yield `${called(name)} is only for ${formats.join(', ')}: the header names of ${format} are fixed`
  if (format === 'gcp' && values.proxyCertHeader === undefined)
    yield `${called('proxyCertHeader')} is not set: name the header in which the load balancer sends {client_cert_leaf}`
  yield* trustProblems(values, called)
}

const OF_CERTIFICATE = ['proxyCaFile', 'proxyName'] as const

/** Over TCP the proxy must show a client certificate, unless the operator explicitly turns that off. */
function* trustProblems(
  values: Partial<Record<SettingName, unknown>>,
  called: (name: SettingName) => string,
): Generator<string> {
  const { proxyListen: address, proxyTrust: trust } = values as Partial<Settings>
  if (address && 'path' in address) {
    if (trust === 'platform')
      yield `${called('proxyTrust')} must not be platform for a Unix socket: the permissions of the socket say who may connect`
    if (values.proxyAddresses !== undefined)
      yield `${called('proxyAddresses')} must not be set for a Unix socket: its clients have no address`
    return
  }
  for (const name of OF_CERTIFICATE)
    if (trust === 'platform' && name in values)
      yield `${called(name)} must not be set: with ${called('proxyTrust')} platform the proxy shows no certificate`
    else if (trust === 'certificate' && !(name in values))
      yield `${called(name)} is not set: over TCP the proxy must show a client certificate (unless ${called('proxyTrust')} is platform)`
}
