import type { QuerySchema } from '../http/query-schema.ts'
import { MANY_FILTERS, ONE_FILTER } from '../http/stream-query.ts'
import { HEARTBEAT_MS } from '../live/heartbeat.ts'
import { DOORS, portOf, SECURITY } from './doors.ts'
import { INTRODUCTION, LICENSE } from './info.ts'
import { TOPIC } from './publish.ts'
import { FRAMES, SCHEMAS } from './stream.ts'

const ref = (path: string) => ({ $ref: `#/${path}` })
const asks = (scheme: string) => ({ security: [ref(`components/securitySchemes/${scheme}`)] })

const { device, viewer } = DOORS
const HOST = { host: '{host}:{port}' }

const SERVERS = {
  mqtt: {
    ...HOST,
    variables: { ...device.server.variables, port: { default: portOf('mqtt') } },
    protocol: 'secure-mqtt',
    protocolVersion: '5.0',
    ...asks('certificate'),
    description: `mqtt door: MQTT 5, 3.1.1 and 3.1. Without a valid client certificate the connection ends before anything is read. User names and passwords are ignored: the user in the ACL file is the WoTT ID. An authentication method is refused with 0x8C. CONNACK announces the limits: at most \`WOTT_RECEIVE_MAXIMUM\` (1000 by default) unacknowledged messages, \`WOTT_TOPIC_ALIAS_MAXIMUM\` (100 by default) topic aliases, and the largest packet. A session outlives its connection by at most \`WOTT_SESSION_EXPIRY\` (604800 by default) seconds.`,
  },
  webSocket: {
    ...HOST,
    variables: device.server.variables,
    pathname: '/mqtt',
    protocol: 'wss',
    protocolVersion: '13',
    ...asks('certificate'),
    description:
      'Device door: the same MQTT over WebSocket, with the subprotocol `mqtt`. A certificate that is not valid is refused, as for every request there.',
  },
  device: {
    ...HOST,
    variables: device.server.variables,
    protocol: 'https',
    ...asks('certificate'),
    description: device.server.description,
  },
  viewer: {
    ...HOST,
    variables: viewer.server.variables,
    protocol: 'https',
    ...asks('session'),
    description: viewer.server.description,
  },
}

const STREAM = `An event stream over HTTPS. Retained messages that match come first, then live ones; each is authorised when it is sent. A comment comes every ${HEARTBEAT_MS / 1000} seconds, or with \`heartbeat\` an event of that name. A reader that reads nothing for \`WOTT_STREAM_STALL\` (30 by default) seconds, or lets more than \`WOTT_STREAM_BUFFER\` (1MiB by default) wait, is disconnected. It can resume from any message that is still in the history (\`WOTT_HISTORY_AGE\`, \`WOTT_HISTORY_BYTES\`). At most \`WOTT_MAX_STREAMS\` (1000 by default) streams are open, \`WOTT_MAX_STREAMS_PER_READER\` (100 by default) of one reader.`

const EVENTS = ['message', 'gap', 'heartbeat', 'end'] as const

/** A channel that is an event stream, and what the gateway does there. */
function stream(address: string, title: string, parameters: object = {}) {
  return {
    address,
    title,
    description: STREAM,
    parameters,
    servers: [ref('servers/device'), ref('servers/viewer')],
    messages: Object.fromEntries(EVENTS.map((name) => [name, ref(`components/messages/${name}`)])),
  }
}

function send(channel: string, summary: string, { properties }: QuerySchema) {
  return {
    action: 'send',
    summary,
    channel: ref(`channels/${channel}`),
    messages: EVENTS.map((name) => ref(`channels/${channel}/messages/${name}`)),
    bindings: {
      http: {
        method: 'GET',
        bindingVersion: '0.3.0',
        query: { type: 'object', properties },
      },
    },
  }
}

/** An event, with an example as the gateway writes it. */
function event(name: (typeof EVENTS)[number], summary: string, shape: string) {
  const fields = FRAMES[name].split('\n').map((line) => line.split(/: (.*)/s) as [string, string])
  const { data = '', ...headers } = Object.fromEntries(fields.filter(([field]) => field !== ''))
  return {
    name,
    summary,
    contentType: 'application/json',
    headers: {
      type: 'object',
      description: 'The other fields of the event.',
      properties: Object.fromEntries(
        Object.keys(headers).map((field) => [field, { type: 'string' }]),
      ),
    },
    payload: ref(`components/schemas/${shape}`),
    examples: [{ name, headers, payload: JSON.parse(data) }],
  }
}

/** MQTT, WebSocket and event streams, in AsyncAPI. */
export function asyncapi(version: string): object {
  const { StreamEvent, ...schemas } = SCHEMAS
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'wott-gateway',
      version,
      description: INTRODUCTION,
      license: { name: LICENSE.name, url: 'https://spdx.org/licenses/MIT' },
    },
    defaultContentType: 'application/octet-stream',
    servers: SERVERS,
    channels: {
      topic: {
        address: '{topic}',
        title: 'Topics',
        description: `Every MQTT topic. A payload has at most \`WOTT_MAX_PAYLOAD\` (128KiB by default) bytes. A session has at most \`WOTT_MAX_SUBSCRIPTIONS\` (1000 by default) filters, one that outlives its connection at most \`WOTT_MAX_INFLIGHT\` (100 by default) messages under way and \`WOTT_SESSION_QUEUE\` (1000 by default) waiting.`,
        servers: [ref('servers/mqtt'), ref('servers/webSocket')],
        parameters: {
          topic: { description: TOPIC.description, examples: TOPIC.examples },
        },
        messages: { reading: ref('components/messages/reading') },
      },
      stream: stream('/stream', 'Streams of several filters'),
      topicStream: stream('/topics/{filter}', 'Streams of one filter, for EventSource', {
        filter: {
          description: 'An MQTT topic filter, percent-encoded: `#` is `%23`.',
          examples: ['wott/%23'],
        },
      }),
    },
    operations: {
      publish: {
        action: 'receive',
        summary: 'A client publishes',
        description:
          'With QoS 0, 1 or 2, retained or not. QoS 1 and 2 are acknowledged once they are stored. What the ACL file does not allow is dropped: an MQTT 5 client gets reason code 0x87, an older one an acknowledgement, as from Mosquitto. A device that publishes more than `WOTT_PUBLISH_RATE` (1000 by default) messages a second is read from more slowly. The properties of MQTT 5 stay with the message.',
        channel: ref('channels/topic'),
        messages: [ref('channels/topic/messages/reading')],
      },
      deliver: {
        action: 'send',
        summary: 'A client has subscribed',
        description:
          'Any valid filter is granted, unless `WOTT_SUBSCRIBE` (grant by default) says otherwise; the ACL file decides on each message when it is delivered. `$share/GROUP/FILTER` is a shared subscription: each message goes to one member of the group.',
        channel: ref('channels/topic'),
        messages: [ref('channels/topic/messages/reading')],
      },
      stream: send('stream', 'A reader follows several filters', MANY_FILTERS),
      streamTopic: send('topicStream', 'A reader follows one filter', ONE_FILTER),
    },
    components: {
      securitySchemes: {
        certificate: { type: 'X509', description: SECURITY.mutualTLS.description },
        session: { ...SECURITY.session, type: 'httpApiKey' },
      },
      messages: {
        reading: {
          name: 'reading',
          summary: 'A reading: any bytes',
          payload: {
            type: 'string',
            description:
              'Whatever the device sends. In MQTT 5 a user property `time` says when it was measured: RFC 3339, Unix seconds or milliseconds.',
          },
          examples: [{ name: 'temperature', payload: '21.5' }],
        },
        message: event('message', 'A message that the reader may read', 'Message'),
        gap: event('gap', 'Messages are missing', 'Gap'),
        heartbeat: event('heartbeat', 'The connection still works', 'Heartbeat'),
        end: event('end', 'The stream ends for good', 'End'),
      },
      schemas,
    },
  }
}
