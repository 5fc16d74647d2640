import { ACKNOWLEDGED, WAITING } from '../http/commands.ts'
import { toObject } from '../live/event.ts'
import { json, type Operations, parameters, type Schemas, TRACE_ID } from './operation.ts'
import { EXAMPLE, SCHEMAS as STREAM_SCHEMAS } from './stream.ts'

const { Message: MESSAGE } = STREAM_SCHEMAS

const COMMAND_ID = { type: 'string', description: 'The `id` of a command.', examples: [EXAMPLE.id] }
const COMMAND = {
  id: EXAMPLE.id,
  ...toObject({
    ...EXAMPLE.message,
    topic: 'cmd/sensor.d.wott.local/interval',
    payload: Buffer.from('60'),
    device: 'home-assistant.d.wott.local',
    qos: 1,
    properties: {
      responseTopic: 'answers/home-assistant',
      correlationData: Buffer.from('request 1'),
    },
  }),
  redelivered: false,
}
const ACKNOWLEDGEMENT = json('It is no longer waiting.', 'Acknowledged', {
  message: 'OK',
  traceId: TRACE_ID,
  acknowledged: true,
})
const ERRORS = [
  ...(['query_invalid', 'read_denied', 'not_supported_here', 'broker_unavailable'] as const),
]

export const OPERATIONS = {
  readCommands: {
    summary: 'Get the commands that wait for this device',
    description:
      'Messages of `WOTT_COMMAND_TOPIC` (`cmd/%u/#`, with the WoTT ID for `%u`) wait for a device from its first request on, whatever their QoS, until it acknowledges them, they expire, or it does not ask for `WOTT_SESSION_EXPIRY` seconds. The oldest come first, and come again until they are acknowledged. Retained messages on these topics come with the first request. `HEAD` delivers no commands.',
    tags: ['Commands'],
    response: {
      200: json('The commands, oldest first; an empty list if none came in time.', 'Waiting', {
        commands: [COMMAND],
        more: false,
      }),
    },
    errors: [...ERRORS, 'too_many_polls'],
  },
  deleteCommand: {
    summary: 'Acknowledge a command',
    tags: ['Commands'],
    params: parameters({ id: COMMAND_ID }),
    response: { 200: ACKNOWLEDGEMENT },
    errors: ERRORS,
  },
  acknowledgeCommand: {
    summary: 'Acknowledge a command',
    description: 'As `DELETE /commands/{id}`, for clients that only send `GET` and `POST`.',
    tags: ['Commands'],
    params: parameters({ id: COMMAND_ID }),
    response: { 200: ACKNOWLEDGEMENT },
    errors: [...ERRORS, 'payload_too_large'],
  },
  replyToCommand: {
    summary: 'Reply to a command and acknowledge it',
    description:
      'Publishes the body to the response topic of the command with its correlation data, as in MQTT 5, and acknowledges the command. The device needs the right to write to that topic; without it the command stays.',
    tags: ['Commands'],
    params: parameters({ id: COMMAND_ID }),
    body: { content: { 'text/plain': { schema: { type: 'string', examples: ['done'] } } } },
    bodyOptional: true,
    response: { 200: ACKNOWLEDGEMENT },
    errors: [
      ...ERRORS,
      ...(['request_invalid', 'not_found', 'topic_invalid', 'body_invalid'] as const),
      ...(['payload_too_large', 'publish_denied', 'rate_limited'] as const),
    ],
  },
} satisfies Operations

export const SCHEMAS = {
  Command: {
    ...MESSAGE,
    description: 'A message that waits for a device, as streams send it, with a name.',
    required: [...MESSAGE.required, 'id', 'redelivered'],
    properties: {
      id: {
        type: 'string',
        description: 'The id to acknowledge it with; the same message has the same id in a stream.',
      },
      ...MESSAGE.properties,
      redelivered: { type: 'boolean', description: 'Whether it was sent before.' },
    },
  },
  Waiting: WAITING,
  Acknowledged: ACKNOWLEDGED,
} satisfies Schemas
