import assert from 'node:assert/strict'
import { copyFile, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { initDirectory } from '../../src/ca/init.ts'
import { type DevGateway, startDev } from './dev-gateway.ts'
import { FREE_PORTS, run, start, startGateway } from './program.ts'

const TOPIC = 'wott/temperature'

describe('pub', { concurrency: 2 }, () => {
  let at: DevGateway
  before(async () => {
    at = await startDev()
  })
  after(() => at[Symbol.asyncDispose]())

  /** Asserts the exit code, the whole of standard error, and an empty standard output. */
  async function fails(args: string[], code: number, said: RegExp, input?: Buffer) {
    const options = { cwd: at.cwd, ...(input ? { input } : {}) }
    const ran = await run(['pub', ...args], options)
    assert.match(ran.stderr, said)
    assert.deepEqual([ran.code, ran.stdout], [code, ''])
  }

  it('sets and clears a retained message', async () => {
    const acl = join(at.cwd, '.wott', 'permission.acl')
    const rules = 'user sensor.d.wott.local\ntopic readwrite kept\n'
    await writeFile(acl, `${await readFile(acl, 'utf8')}\n${rules}`)
    await at.program.line(/access control file loaded/)
    const args = ['sub', 'kept', '--count', '1', '--certs', '.wott/devices/sensor', ...at.via.mqtt]
    await at.pub('kept', '-3.5', '--retain', ...at.via.mqtt)
    assert.equal((await run(args, at)).stdout, 'kept -3.5\n')
    await at.pub('kept', '', '--retain', ...at.via.https)
    // nothing is retained now, so the first message is a new one
    await using follower = start(args, at)
    let ended = false
    void follower.ended.then(() => {
      ended = true
    })
    while (!ended) await at.pub('kept', 'new', ...at.via.https)
    assert.deepEqual(follower.lines, ['kept new'])
  })

  it('reports a refused message, exit code 1', () =>
    fails(
      ['other', '1', ...at.via.https],
      1,
      /^wott-gateway: refused: The ACL file does not allow sensor\.d\.wott\.local to publish to other\. \(publish_denied\)\n$/,
    ))

  it('reports a wrong flag for MQTT 5, exit code 2', async () => {
    const wrong: [string[], RegExp][] = [
      [['--message-expiry', '0'], /--message-expiry must be a whole number from 1 to 4294967295/],
      [['--message-expiry', 'x'], /--message-expiry must be a whole number/],
      [['--response-topic', 'a/#'], /--response-topic must not contain a wildcard/],
      [['--payload-format', 'text'], /--payload-format must be bytes or utf8, not "text"/],
      [['--user-property', 'room'], /--user-property must be NAME=VALUE, not "room"/],
      [['--time', 'noon'], /--time must be a time such as .*, not "noon"/],
      [['--content-type', ''], /--content-type must not be empty/],
      [['--content-type', 'x'.repeat(65_536)], /have 65536 bytes; at most 65535 are allowed/],
    ]
    for (const [flags, said] of wrong) await fails([TOPIC, '1', ...flags], 2, said)
  })

  it('sends MQTT 5 properties in the headers that the gateway reads', async () => {
    const flags = [
      ...['--content-type', 'text/plain; charset=utf-8', '--message-expiry', '60'],
      ...['--response-topic', 'answers/a b&c', '--correlation-data', 'ü=1'],
      ...['--user-property', 'a=b=c', '--user-property', '=', '--payload-format', 'utf8'],
    ]
    await at.pub(TOPIC, 'grün', '--qos', '1', ...flags, ...at.via.https)
    const refused = /^wott-gateway: standard input is not valid UTF-8: .*--payload-format/
    for (const via of [at.via.https, at.via.mqtt])
      await fails([TOPIC, ...flags, ...via], 2, refused, Buffer.from([0xff]))
    const pairs = Array.from({ length: 101 }, () => ['--user-property', 'a=b']).flat()
    const many = /^wott-gateway: refused: .*user-properties must be at most 100, not 101\./
    await fails([TOPIC, '1', ...pairs, ...at.via.https], 1, many)
  })

  it('reports a refused message over MQTT, except with QoS 0, which has no answer', async () => {
    const denied =
      /^wott-gateway: not published: Not authorized: .* does not allow sensor\.d\.wott\.local to publish to other\n$/
    await fails(['other', '1', '--qos', '1', ...at.via.mqtt], 1, denied)
    await at.pub('other', '1', ...at.via.mqtt)
  })

  it('reports a message that is too large', async () => {
    const large = Buffer.alloc(300_000)
    const refused = /^wott-gateway: refused: .*\(payload_too_large\)\n$/
    await fails([TOPIC, ...at.via.https], 1, refused, large)
    const cut =
      /^wott-gateway: localhost:\d+ closed the connection \(Packet too large: [^[]+[^.]\)\n$/
    await fails([TOPIC, '--qos', '1', ...at.via.mqtt], 1, cut, large)
  })

  for (const protocol of ['https', 'mqtt'] as const)
    it(`reports that nothing listens (${protocol})`, () =>
      fails(
        ['a', 'b', '--via', protocol, '--port', '1'],
        1,
        new RegExp(
          `^wott-gateway: nothing is listening on localhost:1 \\(${protocol}\\); is .*running\\?\n$`,
        ),
      ))

  it('reports a wrong door', async () => {
    const { device, mqtt, ops } = at.program.ports
    const crossed: [protocol: string, port: number][] = [
      ['https', mqtt],
      ['mqtt', device],
      ['https', ops],
      ['mqtt', ops],
    ]
    for (const [protocol, port] of crossed)
      await fails(
        ['a', 'b', '--via', protocol, '--port', String(port)],
        1,
        /^wott-gateway: localhost:\d+.*; is this the (device door|mqtt door|right port)\?\n$/,
      )
  })

  it('reports a gateway with a certificate of an unknown CA', async () => {
    const { layout } = await initDirectory(join(at.cwd, 'other'))
    for (const via of [at.via.https, at.via.mqtt])
      await fails(
        [TOPIC, '1', '--certs', layout.certs.directory, ...via],
        1,
        /^wott-gateway: the certificate of localhost:\d+ is not signed by the CA in ca\.crt\n$/,
      )
  })

  it('reports that the gateway does not know its certificate', async () => {
    const { layout } = await initDirectory(join(at.cwd, 'stranger'))
    const certs = join(layout.devices, 'sensor')
    await copyFile(join(at.cwd, '.wott/ca/ca.crt'), join(certs, 'ca.crt'))
    const untrusted = /^wott-gateway: refused: .*\(certificate_untrusted\)\n$/
    await fails([TOPIC, '1', '--certs', certs, ...at.via.https], 1, untrusted)
    const closed = /^wott-gateway: localhost:\d+ closed the connection; .*another CA .*\n$/
    await fails([TOPIC, '1', '--certs', certs, ...at.via.mqtt], 1, closed)
  })

  it('reports that the certificate of the gateway is for another name', async () => {
    await using misnamed = await startGateway(
      ['dev', ...FREE_PORTS, '--certs-dir', '.wott/devices/sensor', '--broker', 'memory:'],
      at,
    )
    for (const [protocol, door] of [
      ['https', 'device'],
      ['mqtt', 'mqtt'],
    ] as const)
      await fails(
        ['a', 'b', '--port', String(misnamed.ports[door]), '--via', protocol],
        1,
        /^wott-gateway: the certificate of localhost:\d+ is for a different name: .* "wott-gateway init --name localhost"\n$/,
      )
  })

  it('reports what is wrong with its own files, exit code 2', async () => {
    const certs = join(at.cwd, 'damaged')
    await cp(join(at.cwd, '.wott/devices/sensor'), certs, { recursive: true })
    const key = join(certs, 'client.key')
    const refuses = (said: RegExp) => fails(['a', 'b', '--certs', certs], 2, said)
    await copyFile(join(at.cwd, '.wott/devices/subscriber/client.key'), key)
    await refuses(/client\.key: this private key does not belong to the certificate in .*\.crt\n$/)
    await writeFile(key, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n')
    await refuses(/client\.key: the private key is encrypted; decrypt it first .*\n$/)
    await writeFile(key, 'x')
    await refuses(/client\.key: this file contains no PEM private key\n$/)
    await writeFile(join(certs, 'client.crt'), 'x')
    await refuses(/client\.crt: this file contains no PEM certificate\n$/)
  })
})
