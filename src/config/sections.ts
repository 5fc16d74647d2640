import type { SettingName } from './schema.ts'
import { BRIDGE_SETTINGS } from './settings/bridge.ts'
import { COMMANDS_SETTINGS } from './settings/commands.ts'
import { DOORS_SETTINGS } from './settings/doors.ts'
import { ENROL_DOOR_SETTINGS } from './settings/enrol.ts'
import { FUNCTION_SETTINGS } from './settings/function.ts'
import { HISTORY_SETTINGS } from './settings/history.ts'
import { IDENTITY_SETTINGS } from './settings/identity.ts'
import { INFLUX_SETTINGS } from './settings/influx.ts'
import { LIMITS_SETTINGS } from './settings/limits.ts'
import { LOAD_BALANCERS_SETTINGS } from './settings/load-balancers.ts'
import { MQTT_SETTINGS } from './settings/mqtt.ts'
import { PROCESS_SETTINGS } from './settings/process.ts'
import { PROXY_SETTINGS } from './settings/proxy.ts'
import { PUBLISHING_SETTINGS } from './settings/publishing.ts'
import { READINGS_SETTINGS } from './settings/readings.ts'
import { RELAYED_SETTINGS } from './settings/relayed.ts'
import { SESSIONS_SETTINGS } from './settings/sessions.ts'
import { STORE_SETTINGS } from './settings/store.ts'

/** A group of settings in help, `.env.example` and the docs. */
export interface Section {
  readonly title: string
  /** The page in docs/ that explains these settings together. */
  readonly page?: string
}

/** In the order of help and docs. */
const SECTIONS: readonly (Section & { readonly settings: object })[] = [
  { title: 'Certificates, rights and people', page: 'identity.md', settings: IDENTITY_SETTINGS },
  { title: 'Where messages are kept', page: 'broker.md', settings: STORE_SETTINGS },
  {
    title: 'In front of another MQTT broker',
    page: 'in-front-of-a-broker.md',
    settings: RELAYED_SETTINGS,
  },
  { title: 'A bridge to another MQTT broker', page: 'edge.md', settings: BRIDGE_SETTINGS },
  { title: 'Doors', page: '../README.md#the-doors', settings: DOORS_SETTINGS },
  { title: 'Behind a proxy that ends mTLS', page: 'behind-a-proxy.md', settings: PROXY_SETTINGS },
  { title: 'The enrol door', page: 'devices.md', settings: ENROL_DOOR_SETTINGS },
  {
    title: 'Behind a TCP load balancer',
    page: 'deploying.md#behind-a-tcp-load-balancer',
    settings: LOAD_BALANCERS_SETTINGS,
  },
  {
    title: 'Limits of devices, connections and requests',
    page: 'operations.md#limits',
    settings: LIMITS_SETTINGS,
  },
  { title: 'History and event streams', page: 'history.md', settings: HISTORY_SETTINGS },
  { title: 'Commands over HTTP', page: 'commands.md', settings: COMMANDS_SETTINGS },
  { title: 'MQTT clients', page: 'broker.md', settings: MQTT_SETTINGS },
  {
    title: 'MQTT sessions and retained messages',
    page: 'broker.md#sessions',
    settings: SESSIONS_SETTINGS,
  },
  {
    title: 'Time of readings, and requests that are sent again',
    page: 'api.md',
    settings: PUBLISHING_SETTINGS,
  },
  { title: 'InfluxDB line protocol', page: 'ingest.md', settings: INFLUX_SETTINGS },
  { title: 'Readings in the metrics', page: 'monitoring.md', settings: READINGS_SETTINGS },
  { title: 'Stopping, and the log', page: 'operations.md', settings: PROCESS_SETTINGS },
  {
    title: 'As a function (AWS Lambda)',
    page: 'serverless.md#aws-lambda',
    settings: FUNCTION_SETTINGS,
  },
]

/** The sections that these settings belong to, each with its settings, in the order of the schema. */
export function sectionsOf(
  names: readonly SettingName[],
): { readonly section: Section; readonly names: readonly SettingName[] }[] {
  const wanted: ReadonlySet<string> = new Set(names)
  return SECTIONS.map(({ settings, ...section }) => ({
    section,
    names: (Object.keys(settings) as SettingName[]).filter((name) => wanted.has(name)),
  })).filter((one) => one.names.length > 0)
}
