import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { openBrowser, visit } from '../support/browser.ts'
import {
  type Answer,
  curl,
  eventSource,
  http1,
  mosquittoPub,
  mosquittoSub,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { until } from '../support/until.ts'

const ACL = 'user sensor\ntopic readwrite #\nuser alice\ntopic read #\n'
const PROPERTIES = {
  contentType: 'text/plain; charset=utf-8',
  responseTopic: 'answers/1',
  payloadFormatIndicator: 1,
  correlationData: Buffer.from('request 1').toString('base64'),
  userProperties: [
    ['b', '1'],
    ['a', 'ü'],
    ['b', '2'],
  ],
}
const USER_PROPERTIES = Buffer.from('[{"b":"1"},{"a":"ü"},{"b":"2"}]').toString('base64')

let at: TestGateway
let sensor: Credentials

before(async () => {
  at = await startGateway({ acl: ACL })
  sensor = await at.pki.issue('sensor')
})
after(() => at[Symbol.asyncDispose]())

/** Publishes with curl and the headers of AWS IoT. */
async function publish(topic: string, query = '', body = 'grün'): Promise<void> {
  const { stdout } = await curl(
    sensor,
    sensor.caFile,
    ...['-H', 'x-amz-mqtt5-payload-format-indicator: UTF8_DATA'],
    ...['-H', `x-amz-mqtt5-correlation-data: ${PROPERTIES.correlationData}`],
    ...['-H', `x-amz-mqtt5-user-properties: ${USER_PROPERTIES}`, '--data-binary', body],
    `https://localhost:${at.ports.device}/topics/${topic}?responseTopic=answers%2F1&contentType=${encodeURIComponent(PROPERTIES.contentType)}${query}`,
  )
  assert.equal(JSON.parse(stdout).message, 'OK', stdout)
}

const get = (path: string): Promise<Answer> => http1(at, sensor, { path })

describe('the MQTT 5 properties of a message over HTTP', () => {
  it('are in stream events, live, retained and from the history', async () => {
    using live = await eventSource(at, sensor, '/stream?filter=live')
    await publish('live', '&qos=1&retain=true')
    const event = await live.next()
    const { topic, payload, properties } = JSON.parse(event.data)
    assert.deepEqual(
      { topic, payload, properties },
      {
        topic: 'live',
        payload: 'grün',
        properties: PROPERTIES,
      },
    )
    for (const query of ['', '&lastEventId=earliest']) {
      using later = await eventSource(at, sensor, `/stream?filter=live${query}`)
      assert.deepEqual(JSON.parse((await later.next()).data).properties, PROPERTIES)
    }
  })

  it('are returned with a retained message until it expires', async () => {
    await publish('read', '&retain=true&messageExpiry=3600')
    const { status, headers, text } = await get('/topics/read')
    assert.deepEqual([status, text], [200, 'grün'])
    assert.equal(headers['content-type'], PROPERTIES.contentType)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['content-security-policy']), /\bsandbox\b/)
    assert.ok(Number(headers.age) < 60)
    const left = Date.parse(String(headers.expires)) - Date.now()
    assert.ok(left > 3_500_000 && left <= 3_600_000, `${left}`)
    assert.equal((await get('/retainedMessage/read')).json.userProperties, USER_PROPERTIES)
  })

  it('can be set in lines of many readings', async () => {
    using live = await eventSource(at, sensor, '/stream?filter=line')
    const line = { topic: 'line', payload: 'grün', messageExpiry: 3600, ...PROPERTIES }
    const { json } = await http1(at, sensor, {
      path: '/topics',
      method: 'POST',
      body: JSON.stringify(line),
      headers: { 'content-type': 'application/x-ndjson' },
    })
    assert.deepEqual(json, { accepted: 1, refused: [] })
    assert.deepEqual(JSON.parse((await live.next()).data).properties, PROPERTIES)
  })

  it('include an expiry, for GET and for streams', async () => {
    await publish('short', '&retain=true&messageExpiry=1')
    assert.equal((await get('/topics/short')).text, 'grün')
    await until(
      () => get('/topics/short'),
      ({ status }) => status !== 200,
    )
    for (const route of ['topics', 'retainedMessage'])
      assert.equal((await get(`/${route}/short`)).json.code, 'not_retained')
    for (const query of ['', '&lastEventId=earliest']) {
      using later = await eventSource(at, sensor, `/stream?filter=short${query}`)
      await publish('short', '', 'next')
      assert.equal(JSON.parse((await later.next()).data).payload, 'next')
    }
  })
})

describe('the MQTT 5 properties of a message between HTTP and MQTT', () => {
  const FORMAT = ['-V', 'mqttv5', '-F', '%t|%p|%C|%R|%D|%F|%P']

  it('are delivered from a POST to an MQTT 5 subscriber, user properties in order', async () => {
    await using subscriber = await mosquittoSub(at, sensor, 'post', ...FORMAT, '-q', '1')
    await publish('post', '&qos=1')
    assert.equal(
      await subscriber.next(),
      'post|grün|text/plain; charset=utf-8|answers/1|request 1|1|b:1 a:ü b:2',
    )
  })

  it('include the remaining seconds of the expiry for an MQTT 5 subscriber', async () => {
    await publish('left', '&retain=true&messageExpiry=3600')
    await using subscriber = await mosquittoSub(at, sensor, 'left', '-V', 'mqttv5', '-F', '%E')
    const left = Number(await subscriber.next())
    assert.ok(left > 3500 && left <= 3600, `${left}`)
  })

  it('are delivered from an MQTT 5 publisher to a stream and to GET', async () => {
    using live = await eventSource(at, sensor, '/stream?filter=mqtt')
    const properties = [
      ...['content-type', PROPERTIES.contentType, 'response-topic', 'answers/1'],
      ...['payload-format-indicator', '1', 'correlation-data', 'request 1'],
      ...['message-expiry-interval', '3600'],
    ]
    const flags = ['-V', 'mqttv5', '-q', '1', '-r']
    while (properties.length > 0) flags.push('-D', 'PUBLISH', ...properties.splice(0, 2))
    for (const pair of PROPERTIES.userProperties)
      flags.push('-D', 'PUBLISH', 'user-property', ...pair)
    const { code, stderr } = await mosquittoPub(at, sensor, 'mqtt', 'grün', ...flags)
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse((await live.next()).data).properties, PROPERTIES)
    const { headers } = await get('/topics/mqtt')
    assert.equal(headers['content-type'], PROPERTIES.contentType)
    assert.ok(Date.parse(String(headers.expires)) - Date.now() > 3_500_000)
    assert.equal((await get('/retainedMessage/mqtt')).json.userProperties, USER_PROPERTIES)
  })
})

describe('a retained message in the browser of a viewer', () => {
  let browser: Browser & AsyncDisposable
  before(async () => {
    browser = await openBrowser(at.certificate)
  })
  after(() => browser[Symbol.asyncDispose]())

  async function retain(topic: string, contentType: string, body: string): Promise<void> {
    const query = `retain=true&contentType=${encodeURIComponent(contentType)}`
    const path = `/topics/${topic}?${query}`
    assert.equal((await http1(at, sensor, { path, method: 'POST', body })).status, 200)
  }
  const door = () => `https://localhost:${at.ports.viewer}`
  const logIn = async () => {
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    const window = await visit(browser, `${door()}/#invite=${code}`)
    await window.page.locator('#state[data-state=live]').waitFor()
    return window
  }

  it('runs no script, loads nothing and cannot use the session, as HTML', async () => {
    const attack = `document.title = 'attacked'; fetch('/session', { method: 'DELETE' })`
    const html = `<title>page</title><h1>hello</h1><script>${attack}</script><img src=/ onerror="${attack}"><script src=/topics/x/script></script>`
    const xml = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>page</title></head><body><h1>hello</h1><script>${attack}</script></body></html>`
    const svg = `<svg xmlns="http://www.w3.org/2000/svg"><title>page</title><h1 xmlns="http://www.w3.org/1999/xhtml">hello</h1><script>${attack}</script></svg>`
    await retain('x/script', 'text/javascript', attack)
    await retain('x/html', 'text/html', html)
    await retain('x/xhtml', 'application/xhtml+xml', xml)
    await retain('x/svg', 'image/svg+xml', svg)
    await using window = await logIn()
    const { page } = window
    for (const name of ['html', 'xhtml', 'svg']) {
      await page.goto(`${door()}/topics/x/${name}`)
      assert.equal(await page.locator('h1').textContent(), 'hello')
      assert.equal(await page.title(), 'page')
      assert.equal(await page.evaluate('origin'), 'null')
    }
    assert.ok(window.problems.length > 0)
    // the session still exists
    assert.equal((await page.goto(`${door()}/session`))?.status(), 200)
  })

  it('cannot be loaded as a script or style sheet by the dashboard', async () => {
    await using window = await logIn()
    const { page } = window
    for (const [name, type] of [
      ...[
        ['plain', 'text/javascript'],
        ['ecma', 'application/ecmascript; a=b'],
        ['css', 'text/css'],
      ],
    ] as const) {
      const body = name === 'css' ? 'body { display: none }' : 'globalThis.attacked = true'
      await retain(`y/${name}`, type, body)
      const loads = await page.evaluate(
        `new Promise((resolve) => {
          const css = ${name === 'css'}
          const element = document.createElement(css ? 'link' : 'script')
          Object.assign(element, css
            ? { rel: 'stylesheet', href: '/topics/y/${name}' }
            : { src: '/topics/y/${name}' })
          element.onload = () => resolve(true)
          element.onerror = () => resolve(false)
          document.head.append(element)
        })`,
      )
      assert.equal(loads, false, name)
    }
    assert.equal(await page.evaluate('globalThis.attacked'), undefined)
  })

  it('is shown as JSON with a JSON content type', async () => {
    await retain('z/json', 'application/json', '"<b>x</b>"')
    await retain('z/senml', 'application/senml+json', '{"n":"<i>t</i>","v":21.5}')
    await using window = await logIn()
    const shown = (topic: string, kind: string) =>
      window.page
        .locator('.card')
        .filter({ has: window.page.locator(`.topic bdi:text-is("${topic}")`) })
        .locator(`.value[data-kind=${kind}]`)
        .textContent()
    assert.equal(await shown('z/json', 'json'), '"<b>x</b>"')
    assert.match((await shown('z/senml', 'fields')) ?? '', /^n\s*<i>t<\/i>\s*v\s*21\.5$/)
    assert.deepEqual(window.problems, [])
  })
})
