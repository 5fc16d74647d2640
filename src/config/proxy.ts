import type { SettingName, Settings } from './schema.ts'

/** The formats in which the operator names a header. */
const NAMED: Readonly<Partial<Record<SettingName, readonly string[]>>> = {
  proxyCertHeader: ['nginx', 'alb', 'gcp'],
  proxyVerifyHeader: ['nginx'],
  proxyChainHeader: ['gcp'],
}

/** What is wrong with the settings of the proxy door taken together. */
export function* proxyProblems(
  values: Partial<Record<SettingName, unknown>>,
  called: (name: SettingName) => string,
): Generator<string> {
  const { proxyListen: address, proxyIdentity: format } = values as Partial<Settings>
  // its own text is wrong
  if (address === undefined) return
  if (address === null) {
    if (format !== undefined)
      yield `${called('proxyIdentity')} needs ${called('proxyListen')}: no other door takes identity from a proxy`
    return
  }
  if (format === undefined)
    yield `${called('proxyListen')} needs ${called('proxyIdentity')}: how the proxy passes certificates on`
  if (format === 'aws-apigw')
    yield `${called('proxyIdentity')} must not be aws-apigw here: API Gateway has the certificate in the event of a function, and in no header`
  for (const [name, formats] of Object.entries(NAMED) as [SettingName, readonly string[]][])
    if (values[name] !== undefined && format !== undefined && !formats.includes(format))
      yield `${called(name)} is for ${formats.join(', ')}: the headers of ${format} have names of their own`
  if (format === 'gcp' && values.proxyCertHeader === undefined)
    yield `${called('proxyCertHeader')} is not set: name the header that the load balancer puts {client_cert_leaf} in`
  yield* trustProblems(values, called)
}

const OF_CERTIFICATE = ['proxyCaFile', 'proxyName'] as const

/** Over TCP the proxy proves who it is, or somebody has to say in so many words that it need not. */
function* trustProblems(
  values: Partial<Record<SettingName, unknown>>,
  called: (name: SettingName) => string,
): Generator<string> {
  const { proxyListen: address, proxyTrust: trust } = values as Partial<Settings>
  if (address && 'path' in address) {
    if (trust === 'platform')
      yield `${called('proxyTrust')} must not be platform for a Unix socket: its file says who may connect`
    if (values.proxyAddresses !== undefined)
      yield `${called('proxyAddresses')} must not be set for a Unix socket: who connects to it has no address`
    return
  }
  for (const name of OF_CERTIFICATE)
    if (trust === 'platform' && name in values)
      yield `${called(name)} must not be set: with ${called('proxyTrust')} platform nobody is asked for a certificate`
    else if (trust === 'certificate' && !(name in values))
      yield `${called(name)} is not set: over TCP the proxy is known by a client certificate of its own (or by nothing, with ${called('proxyTrust')} platform)`
}
