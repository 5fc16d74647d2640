import { existsSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { run } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'

/**
 * Runs the Eclipse Paho MQTT 3.1.1 interoperability suite against the mqtt door:
 *
 *     npm run paho -- DIR
 *
 * DIR is a checkout of eclipse/paho.mqtt.testing. The suite speaks plain TCP, so a proxy puts a device's
 * certificate around it.
 */
const ACL = `user paho.d.wott.local
topic readwrite #
# names that begin with "$" have to be allowed by name
topic readwrite $TopicA
topic readwrite $TopicA/#
topic deny test/nosubscribe
`

const [folder] = process.argv.slice(2)
const suite = join(folder ?? '', 'interoperability')
if (folder === undefined || !existsSync(join(suite, 'client_test.py'))) {
  process.stderr.write('usage: npm run paho -- DIR, a checkout of eclipse/paho.mqtt.testing\n')
  process.exit(2)
}

// the suite expects 0x80 for a filter that it may not read, which Mosquitto's acl_file never gives
await using at = await startGateway({ acl: ACL, settings: { subscribe: 'check' } })
const device = await at.pki.issue('paho.d.wott.local')
const proxy = createServer((plain: Socket) => {
  plain.setNoDelay(true)
  const secured = connect({
    ...{ host: 'localhost', port: at.ports.mqtt },
    ...{ ca: device.ca, cert: device.certificate, key: device.key },
  })
  plain.pipe(secured).pipe(plain)
  plain.on('error', () => secured.destroy()).on('close', () => secured.destroy())
  secured.on('error', () => plain.destroy()).on('close', () => plain.destroy())
})
await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
const { port } = proxy.address() as { port: number }

// its own main hands its options to unittest, which does not know them, and does not collect the will test
const script = `
import sys, unittest
sys.path.insert(0, '.')
import client_test as suite
suite.host, suite.port = '127.0.0.1', ${port}
suite.topics = ('TopicA', 'TopicA/B', 'Topic/C', 'TopicA/C', '/TopicA')
suite.wildtopics = ('TopicA/+', '+/C', '#', '/#', '/+', '+/+', 'TopicA/#')
suite.nosubscribe_topics = ('test/nosubscribe',)
suite.Test.test_will = suite.Test.will_message_test
unittest.main(module=suite, argv=['paho', '-v'])
`
const { code, stdout, stderr } = await run(
  'bash',
  ['-c', `cd '${suite}' && python3 -W ignore -`],
  script,
)
process.stdout.write(stdout.slice(-4000))
process.stderr.write(stderr.slice(-4000))
proxy.close()
process.exitCode = code ?? 1
