import type { SettingName, Settings } from './schema.ts'

/** The services that pass requests to a function. */
const SERVICES: ReadonlySet<string | undefined> = new Set([undefined, 'aws-apigw', 'alb'])

/** Problems of the settings of a function, which has no doors and stores nothing. */
export function* functionProblems(
  values: Partial<Record<SettingName, unknown>>,
  called: (name: SettingName) => string,
): Generator<string> {
  const { broker, proxyIdentity } = values as Partial<Settings>
  if (broker && broker.kind !== 'mqtt')
    yield `${called('broker')} must be mqtts://HOST:PORT in a function: a function cannot keep messages, because it may stop at any time`
  if (!SERVICES.has(proxyIdentity))
    yield `${called('proxyIdentity')} must be aws-apigw or alb in a function`
}
