import { existsSync } from 'node:fs'
import { deviceFiles, type Layout } from '../ca/layout.ts'
import type { ListenAddress } from '../config/values/network.ts'
import type { Gateway } from '../gateway.ts'
import { inviteLink } from './viewer.ts'

type OpenDoor = NonNullable<Gateway['doors']['ops']>

const TOPIC = 'wott/temperature'

/** Command lines for the open doors and the existing sample devices, ready to paste; `code` is an invite's. */
export function thingsToTry(
  { doors }: Gateway,
  layout: Layout,
  code: string,
  enrolDoor: ListenAddress,
): string {
  const { device, mqtt, viewer, ops } = doors
  const sensor = filesOf(layout, 'sensor')
  const subscriber = filesOf(layout, 'subscriber')
  const url = device && `https://${hostOf(device)}:${device.port}/topics/${TOPIC}`
  const entries: [string, string | false | null | undefined][] = [
    ['Publish a temperature:', sensor && url && `${curl(sensor)} -d 21.5 ${url}`],
    [
      'Follow it over HTTPS:',
      subscriber && url && `${curl(subscriber)} -N -H 'Accept: text/event-stream' ${url}`,
    ],
    [
      'Follow it over MQTT:',
      subscriber &&
        mqtt &&
        `mosquitto_sub -v --cafile ${subscriber.ca} --cert ${subscriber.certificate} --key ${subscriber.key} -h ${hostOf(mqtt)} -p ${mqtt.port} -t ${TOPIC}`,
    ],
    [
      'Publish a random temperature every two seconds:',
      sensor && device && simulate(device, sensor.directory),
    ],
    [
      'In a browser (the link works once):',
      viewer && inviteLink(`https://${hostOf(viewer)}:${viewer.port}`, code),
    ],
    ['Enrol another device:', enrolDoor && invite(enrolDoor)],
    ['Metrics and health:', ops && `curl http://${hostOf(ops, EVERY)}:${ops.port}/metrics`],
  ]
  return entries
    .filter(([, line]) => line)
    .map(([title, line]) => `${title}\n  ${line}`)
    .join('\n')
}

/** A sample device's files, unless they were removed. */
function filesOf(layout: Layout, name: string) {
  const files = deviceFiles(layout, name)
  return existsSync(files.certificate) && existsSync(files.key) ? files : null
}

function curl({ ca, certificate, key }: ReturnType<typeof deviceFiles>): string {
  return `curl --cacert ${ca} --cert ${certificate} --key ${key}`
}

function simulate(door: OpenDoor, directory: string): string {
  const certs = process.env.WOTT_CERTS_DIR ? ` --certs ${directory}` : ''
  const host = hostOf(door) === 'localhost' ? '' : ` --host ${hostOf(door)}`
  const port = door.port === 8443 ? '' : ` --port ${door.port}`
  return `npx wott-gateway simulate${certs}${host}${port}`
}

/**
 * An invite command, with the address where needed: the command assumes the default port, and a name by which other machines
 * reach the gateway.
 */
function invite({ host, port }: NonNullable<ListenAddress>): string {
  const command = 'npx wott-gateway device invite NAME'
  if (port === 0) return command
  if (LOOPBACK.includes(host)) return `${command} --url https://localhost:${port}`
  return port === 8444 ? command : `WOTT_ENROL_LISTEN=:${port} ${command}`
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1']
const EVERY = ['[::]', '0.0.0.0']
const LOCAL = [...EVERY, '[::1]', '127.0.0.1']

/** The name by which this machine reaches the door: `localhost`, which is in the certificate, for the addresses in `local`. */
function hostOf({ address, port }: OpenDoor, local = LOCAL): string {
  const host = address.slice(0, -`:${port}`.length)
  return local.includes(host) ? 'localhost' : host
}
