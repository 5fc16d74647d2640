import { SETTING_NAMES, type SettingName } from './schema.ts'

/** A group of settings in help, `.env.example` and the docs. */
export interface Section {
  readonly title: string
  /** The page in docs/ that explains these settings together. */
  readonly page?: string
}

/** Each begins with the setting named here and ends before the next one. */
const SECTIONS: Readonly<Partial<Record<SettingName, Section>>> = {
  certsDir: { title: 'Certificates, rights and people', page: 'identity.md' },
  broker: { title: 'Where messages are kept', page: 'broker.md' },
  brokerUsername: {
    title: 'In front of another MQTT broker',
    page: 'in-front-of-a-broker.md',
  },
  bridge: { title: 'A bridge to another MQTT broker', page: 'edge.md' },
  deviceListen: { title: 'Doors', page: '../README.md#the-doors' },
  proxyListen: { title: 'Behind a proxy that ends mTLS', page: 'behind-a-proxy.md' },
  enrolListen: { title: 'The enrol door', page: 'devices.md' },
  proxyProtocol: {
    title: 'Behind a TCP load balancer',
    page: 'deploying.md#behind-a-tcp-load-balancer',
  },
  maxPayload: {
    title: 'Limits of devices, connections and requests',
    page: 'operations.md#limits',
  },
  history: { title: 'History and event streams', page: 'history.md' },
  commandTopic: { title: 'Commands over HTTP', page: 'commands.md' },
  clientBuffer: { title: 'MQTT clients', page: 'broker.md' },
  sessionQueue: { title: 'MQTT sessions and retained messages', page: 'broker.md#sessions' },
  readingPast: { title: 'Time of readings, and requests that are sent again', page: 'api.md' },
  influxTopic: { title: 'InfluxDB line protocol', page: 'ingest.md' },
  readingTtl: { title: 'Readings in the metrics', page: 'monitoring.md' },
  drainSeconds: { title: 'Stopping, and the log', page: 'operations.md' },
  functionWait: { title: 'As a function (AWS Lambda)', page: 'serverless.md#aws-lambda' },
}

/** The sections that these settings belong to, each with its settings, in the order of the schema. */
export function sectionsOf(
  names: readonly SettingName[],
): { readonly section: Section; readonly names: readonly SettingName[] }[] {
  const wanted = new Set(names)
  const all: { section: Section; names: SettingName[] }[] = []
  for (const name of SETTING_NAMES) {
    const section = SECTIONS[name]
    if (section) all.push({ section, names: [] })
    if (wanted.has(name)) all.at(-1)?.names.push(name)
  }
  return all.filter((one) => one.names.length > 0)
}
