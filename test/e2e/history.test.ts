import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DevGateway, startDev } from '../cli/dev-gateway.ts'
import { samePorts, start, startGateway } from '../cli/program.ts'

const TOPIC = 'wott/temperature'

describe('sub over HTTPS, and the gateway ends', () => {
  const publish = async (at: DevGateway, from: number, to: number) => {
    for (let n = from; n <= to; n++) await at.pub(TOPIC, String(n), ...at.via.https)
  }
  /** A follower that has its subscription. */
  async function follow(at: DevGateway) {
    await at.pub(TOPIC, 'ready', '--retain', ...at.via.https)
    const program = start(['sub', TOPIC, ...at.via.https], at)
    await program.line(/ready$/)
    return program
  }

  it('cleanly: it prints every message once, in order, and nothing is missing', async () => {
    await using at = await startDev()
    await using program = await follow(at)
    await publish(at, 1, 3)
    await program.line(/ 3$/)
    await at.restart(() => program.line(/the connection to localhost:\d+ is lost; trying again$/))
    await publish(at, 4, 6)
    await program.line(/ 6$/)
    program.process.kill('SIGINT')
    const { stdout, stderr } = await program.ended
    const expected = ['ready', 1, 2, 3, 4, 5, 6].map((value) => `${TOPIC} ${value}\n`)
    assert.equal(String(stdout), expected.join(''))
    assert.doesNotMatch(stderr, /no longer in the history/)
  })

  it('by kill -9: it is told of a gap, and prints nothing twice', async () => {
    await using at = await startDev()
    await using program = await follow(at)
    await publish(at, 1, 3)
    await program.line(/ 3$/)
    at.program.process.kill('SIGKILL')
    await program.line(/is lost; trying again$/)
    await using again = await startGateway(['dev', ...samePorts(at.program)], { cwd: at.cwd })
    await publish(at, 4, 6)
    await program.line(/ 6$/)
    program.process.kill('SIGINT')
    const { stdout, stderr } = await program.ended
    const numbers = String(stdout).match(/\d+$/gm)
    assert.deepEqual(numbers, ['1', '2', '3', '4', '5', '6'])
    assert.match(stderr, /some messages in between are no longer in the history/)
    assert.ok(again)
  })
})
