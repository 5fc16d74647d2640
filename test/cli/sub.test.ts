import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type DevGateway, startDev } from './dev-gateway.ts'
import { FREE_PORTS, PROGRAM, type Program, run, start, startAny, startGateway } from './program.ts'

const TOPIC = 'wott/temperature'
const PROTOCOLS = ['https', 'mqtt'] as const
type Protocol = (typeof PROTOCOLS)[number]

describe('sub and simulate', () => {
  let at: DevGateway
  before(async () => {
    at = await startDev()
    await at.pub(TOPIC, 'ready', '--retain', ...at.via.https)
  })
  after(() => at[Symbol.asyncDispose]())

  /** Starts `sub`; resolves once it is subscribed, as it has printed the retained message. */
  async function following(protocol: Protocol, ...more: string[]): Promise<Program> {
    const program = start(['sub', TOPIC, ...at.via[protocol], ...more], at)
    await program.line(/^wott\/temperature ready$/)
    return program
  }

  it('print the same as mosquitto_sub -v, byte for byte', async () => {
    const messages = [Buffer.from('21.5'), Buffer.alloc(0), Buffer.from('Grüße\nzwei')]
    messages.push(Buffer.from([0, 1, 0xff, 0x0a, 0xfe, 0x0d]), Buffer.alloc(100_000, 0xc3))
    const count = String(messages.length + 1)
    const device = join('.wott', 'devices', 'subscriber')
    const tls = ['--cafile', 'ca.crt', '--cert', 'client.crt', '--key', 'client.key']
    const reference = startAny(
      'stdbuf',
      [
        ...['-oL', 'mosquitto_sub', '-v', '-h', 'localhost', '-t', TOPIC, '-C', count],
        ...['-p', String(at.program.ports.mqtt)],
        ...tls.map((word) => (word.startsWith('--') ? word : join(device, word))),
      ],
      at,
    )
    await using mqtt = await following('mqtt', '--count', count)
    await using https = await following('https', '--count', count)
    await reference.line(/ready/)
    for (const [n, input] of messages.entries()) {
      const via = n % 2 === 0 ? at.via.https : at.via.mqtt
      const sent = await run(['pub', TOPIC, ...via, '--qos', '1'], { cwd: at.cwd, input })
      assert.deepEqual(sent, { code: 0, stdout: '', stderr: '' })
    }
    const expected = await reference.ended
    assert.equal(expected.code, 0, expected.stderr)
    for (const { code, stdout, stderr } of await Promise.all([mqtt.ended, https.ended])) {
      assert.deepEqual([code, stderr], [0, ''])
      assert.ok(stdout.equals(expected.stdout), stdout.toString().slice(0, 500))
    }
  })

  it('print one JSON object per line with --json', async () => {
    const messages = [Buffer.from('Grüße\n"zwei"'), Buffer.from([0, 255]), Buffer.alloc(0)]
    const shown = [{ payload: 'ready' }, { payload: 'Grüße\n"zwei"' }, { payloadBase64: 'AP8=' }]
    const followers = PROTOCOLS.map((protocol) =>
      start(['sub', TOPIC, ...at.via[protocol], '--json', '--count', '4'], at),
    )
    for (const follower of followers) await follower.line(/"payload":"ready"/)
    for (const input of messages)
      await run(['pub', TOPIC, ...at.via.https, '--qos', '1'], { cwd: at.cwd, input })
    for (const { ended } of followers) {
      const { code, stdout, stderr } = await ended
      assert.deepEqual([code, stderr], [0, ''])
      const lines = String(stdout).trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => {
          const { device: _device, time: _time, ...rest } = JSON.parse(line)
          return rest
        }),
        [...shown, { payload: '' }].map((body, index) => ({
          topic: TOPIC,
          ...body,
          qos: index === 0 ? 0 : 1,
          retain: index === 0,
        })),
      )
    }
    const [https = '{}'] = followers[0]?.lines ?? []
    assert.deepEqual(Object.keys(JSON.parse(https)), [
      ...['topic', 'payload', 'device', 'qos', 'retain', 'time'],
    ])
  })

  it('run until they are stopped', async () => {
    for (const protocol of PROTOCOLS) {
      await using program = await following(protocol)
      program.process.kill('SIGINT')
      const { code, stdout, stderr } = await program.ended
      assert.deepEqual([code, String(stdout), stderr], [0, `${TOPIC} ready\n`, ''])
    }
  })

  it('run until their output is closed', async () => {
    for (const protocol of PROTOCOLS) {
      const args = [process.execPath, PROGRAM, 'sub', TOPIC, ...at.via[protocol]]
      const script = '"$@" | head -1; echo $PIPESTATUS'
      await using program = startAny('bash', ['-c', script, '-', ...args], at)
      await program.line(/ready/)
      let ended = false
      void program.ended.then(() => {
        ended = true
      })
      while (!ended) await at.pub(TOPIC, '1', ...at.via.https)
      const { stdout, stderr } = await program.ended
      assert.deepEqual([String(stdout), stderr], [`${TOPIC} ready\n0\n`, ''])
    }
  })

  it('stop at once while a host does not answer', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      for (const protocol of PROTOCOLS)
        for (const command of ['sub', 'simulate']) {
          const args = [command, 'x', '--via', protocol, '--port', String(port)]
          await using program = start(args, at)
          await once(server, 'connection')
          program.process.kill('SIGINT')
          const { code, stderr } = await program.ended
          assert.deepEqual([code, stderr], [0, ''])
        }
    } finally {
      server.close()
    }
  })

  it('reconnect to a gateway that restarts', async () => {
    await using mqtt = await following('mqtt')
    await using https = await following('https')
    await using stoppedMeanwhile = await following('mqtt')
    const followers = [mqtt, https]
    const sensors = PROTOCOLS.map((protocol) =>
      start(['simulate', ...at.via[protocol], '--interval', '0.1'], at),
    )
    try {
      for (const follower of followers) await follower.line(/^wott\/temperature \d+$/)
      await at.restart(async () => {
        const lost = /^wott-gateway: lost the connection to localhost:\d+; reconnecting$/
        await https.line(lost)
        const stops = /^wott-gateway: the gateway at localhost:\d+ is stopping; reconnecting$/
        for (const follower of [mqtt, stoppedMeanwhile]) await follower.line(stops)
        const nobody = /^wott-gateway: nothing is listening on localhost:\d+ /
        for (const sensor of sensors) await sensor.line(nobody)
        stoppedMeanwhile.process.kill('SIGTERM')
        assert.equal((await stoppedMeanwhile.ended).code, 0)
      })
      for (const follower of followers) {
        await follower.line(/^wott-gateway: reconnected to localhost:\d+$/)
        await follower.line(/^wott\/temperature \d+$/, follower.lines.length)
      }
      for (const sensor of sensors) {
        sensor.process.kill('SIGINT')
        const { code, stdout } = await sensor.ended
        assert.equal(code, 0)
        for (const line of String(stdout).trim().split('\n')) {
          const [, temperature = ''] = /^Sending temperature (\d+)$/.exec(line) ?? []
          assert.ok(Number(temperature) >= 1 && Number(temperature) <= 50, line)
        }
      }
    } finally {
      for (const sensor of sensors) await sensor[Symbol.asyncDispose]()
    }
  })

  const refused: [string[], (via: DevGateway['via']) => string[], number, RegExp][] = [
    [
      ['sub', 'a/#/b'],
      ({ mqtt }) => mqtt,
      2,
      /^wott-gateway: "a\/#\/b" is not a valid filter: .*\n$/,
    ],
    [['sub', 'a/#/b'], ({ https }) => https, 1, /^wott-gateway: refused: .*\(topic_invalid\)\n$/],
    [['sub', 'secret'], ({ https }) => https, 1, /^wott-gateway: refused: .*\(read_denied\)\n$/],
    [
      ['sub', 'a', '--port', '1'],
      () => [],
      1,
      /^wott-gateway: nothing is listening on .* \(mqtt\)/,
    ],
    [
      ['sub', 'a', '--port', '1', '--via', 'https'],
      () => [],
      1,
      /^wott-gateway: nothing is listening/,
    ],
  ]
  it('report why they cannot go on', async () => {
    for (const [args, more, code, said] of refused) {
      const ran = await run([...args, ...more(at.via)], at)
      assert.match(ran.stderr, said)
      assert.deepEqual([ran.code, ran.stdout], [code, ''])
    }
  })

  it('report which filter the gateway refuses, and why', async () => {
    const flags = ['--subscribe', 'check', '--broker', 'memory:']
    await using strict = await startGateway(['dev', ...FREE_PORTS, ...flags], at)
    const args = ['sub', 'secret', '--port', String(strict.ports.mqtt)]
    const { code, stdout, stderr } = await run(args, at)
    assert.match(
      stderr,
      /^wott-gateway: the gateway refuses the filter "secret": Not authorized(: [^[]+[^.])?\n$/,
    )
    assert.deepEqual([code, stdout], [1, ''])
  })

  it('report each reading that is not delivered, exit code 1 with --count', async () => {
    const args = ['simulate', '--count', '2', '--interval', '0.01', '--port', '1']
    const { code, stdout, stderr } = await run(args, at)
    assert.match(stdout, /^(Sending temperature \d+\n){2}$/)
    assert.match(stderr, /^(wott-gateway: nothing is listening on localhost:1 .*\n){2}$/)
    assert.equal(code, 1)
  })
})
