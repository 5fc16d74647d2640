import { relative } from 'node:path'
import { initDirectory } from '../ca/init.ts'
import { deviceFiles, type Layout } from '../ca/layout.ts'
import { renewExpiring } from '../ca/renew.ts'
import { loadConfig } from '../config/load.ts'
import type { Gateway } from '../gateway.ts'
import { type Command, print, readArguments, requireWords } from './command.ts'
import { runGateway } from './serve.ts'
import { SETTING_OPTIONS, settingsIn } from './settings.ts'

const DIRECTORY = '.wott'
const TOPIC = 'wott/temperature'

export const dev: Command = {
  help: `Usage: wott-gateway dev [SETTINGS]

Makes ${DIRECTORY}/ (a device CA, the gateway's certificate, two devices and an ACL file) if it is not
there yet, runs the gateway with it, and prints command lines to try. What npm start runs.

Takes the same settings as serve.`,
  async run(args) {
    const { values, positionals } = readArguments(args, SETTING_OPTIONS)
    requireWords(positionals, 0, 0, 'wott-gateway dev [SETTINGS]')
    const { layout, created } = await initDirectory(DIRECTORY)
    if (created.length > 0) print(`made ${created.join(', ')}`)
    for (const { id, notAfter } of await renewExpiring(DIRECTORY))
      print(`renewed the certificate of ${id}, now valid until ${new Date(notAfter).toISOString()}`)
    const config = loadConfig(process.env, {
      certsDir: layout.certs.directory,
      crlFile: layout.authority.crl,
      aclFile: layout.acl,
      ...settingsIn(values),
    })
    await runGateway(config, (gateway) => print(`\n${thingsToTry(gateway, layout)}\n`))
    return undefined
  },
}

function thingsToTry({ doors }: Gateway, layout: Layout): string {
  const { device, mqtt, viewer, ops } = doors
  const sensor = deviceFiles(layout, 'sensor')
  const subscriber = deviceFiles(layout, 'subscriber')
  const curl = ({ ca, certificate, key }: typeof sensor) =>
    `curl --cacert ${shown(ca)} --cert ${shown(certificate)} --key ${shown(key)}`
  const topicUrl = `https://localhost:${device?.port}/topics/${TOPIC}`
  const entries: [string, string | false][] = [
    ['Publish a temperature:', device !== undefined && `${curl(sensor)} -d 21.5 ${topicUrl}`],
    [
      'Follow it over HTTPS:',
      device !== undefined && `${curl(subscriber)} -N -H 'Accept: text/event-stream' ${topicUrl}`,
    ],
    [
      'Follow it over MQTT:',
      mqtt !== undefined &&
        `mosquitto_sub -v --cafile ${shown(subscriber.ca)} --cert ${shown(subscriber.certificate)} --key ${shown(subscriber.key)} -h localhost -p ${mqtt.port} -t ${TOPIC}`,
    ],
    ['A sensor that never tires:', device !== undefined && 'npx wott-gateway simulate'],
    ['In a browser:', viewer !== undefined && `https://localhost:${viewer.port}/`],
    ['Metrics and health:', ops !== undefined && `curl http://${ops.address}/metrics`],
  ]
  return entries
    .filter(([, line]) => line !== false)
    .map(([title, line]) => `${title}\n  ${line}`)
    .join('\n')
}

function shown(path: string): string {
  return relative(process.cwd(), path)
}
