import { INFLUX_ANSWERS } from '../http/influx/answer-schema.ts'
import { type InfluxVersion, PRECISIONS } from '../http/influx/query.ts'
import { MAX_VALUES } from '../http/influx/values.ts'
import { json, type Operation, type Operations, parameters, type Schemas } from './operation.ts'

const LINES = {
  content: {
    'text/plain': {
      schema: {
        type: 'string',
        'x-examples': {
          climate: {
            summary: 'Two values of a room',
            value: 'climate,room=kitchen temperature=21.5,humidity=55i\n',
          },
        },
      },
    },
  },
}

const failed = (description: string, value: object) => json(description, 'InfluxFailure', value)

const FAILURES: Operation['response'] = {
  400: failed('Some or all lines are wrong; the correct lines are published.', {
    code: 'invalid',
    message:
      "partial write error (2 accepted): unable to parse 'climate,room=kitchen': missing fields",
    line: 2,
  }),
  403: failed('The ACL file allows none of the values to be published.', {
    code: 'forbidden',
    message: 'The ACL file does not allow sensor.d.wott.local to publish to climate.',
    line: 1,
  }),
  413: failed('There are too many bytes or values; send fewer lines at once.', {
    code: 'request too large',
    message: `The body has more than the ${MAX_VALUES} values that one request may have; send fewer lines at once.`,
  }),
  415: failed('The body is compressed, but not with gzip or deflate.', {
    code: 'unsupported media type',
    message: 'The Content-Encoding must be gzip or deflate, or none at all.',
  }),
  429: failed(
    'The rate limit stopped the request at this line; send it again after `Retry-After`.',
    {
      code: 'too many requests',
      message:
        'partial write error (2000 accepted): This device exceeds its rate limit (WOTT_PUBLISH_RATE).',
      line: 2001,
    },
  ),
  503: failed('The broker did not accept all of it; send it again after `Retry-After`.', {
    code: 'unavailable',
    message: 'the store cannot be written: database or disk is full',
    line: 1,
  }),
}

const DESCRIPTION = `Each field of each line is published with QoS 1, on the topic that \`WOTT_INFLUX_TOPIC\` defines; the answer comes when all of them are stored. The time of a line is the time that its values were measured. At most 1 MiB, compressed with gzip or deflate if its \`Content-Encoding\` says so, and ${MAX_VALUES} values. One bad line does not affect the others: the error names the first. If every line has a time, repeating the same body publishes nothing twice, so that a client can repeat a request after 429 or 503. The certificate says who writes: a header \`Authorization\` is ignored.`

function precision(version: InfluxVersion) {
  const units = Object.keys(PRECISIONS[version])
  return {
    type: 'string',
    enum: units,
    default: 'ns',
    description: 'The unit of timestamps.',
    examples: ['s'],
  }
}

const ignored = (example: string) => ({
  type: 'string',
  description: 'Ignored.',
  examples: [example],
})

export const OPERATIONS = {
  influxWrite: {
    summary: 'Publish InfluxDB line protocol, as clients of InfluxDB 2 write it',
    description: DESCRIPTION,
    tags: ['Publish'],
    querystring: parameters({
      precision: precision('v2'),
      org: ignored('home'),
      orgID: ignored('0123456789abcdef'),
      bucket: ignored('readings'),
    }),
    body: LINES,
    response: { 204: { description: 'Everything is published.', type: 'null' }, ...FAILURES },
    errors: [],
  },
  influxWriteV1: {
    summary: 'Publish InfluxDB line protocol, as clients of InfluxDB 1 write it',
    description: DESCRIPTION,
    tags: ['Publish'],
    querystring: parameters({
      precision: precision('v1'),
      db: ignored('readings'),
      rp: ignored('autogen'),
      consistency: ignored('one'),
      u: ignored('sensor'),
      p: ignored('none'),
    }),
    body: LINES,
    response: { 204: { description: 'Everything is published.', type: 'null' }, ...FAILURES },
    errors: [],
  },
  influxPing: {
    summary: 'The first request of InfluxDB clients',
    tags: ['Publish'],
    response: { 204: { description: 'The device door answers.', type: 'null' } },
    errors: [],
  },
  influxHealth: {
    summary: 'The same for clients of InfluxDB 2',
    tags: ['Publish'],
    response: {
      200: json('The device door answers.', 'InfluxHealth', {
        name: 'wott-gateway',
        message: 'ready for writes',
        status: 'pass',
        checks: [],
        version: '1.0.0',
      }),
    },
    errors: [],
  },
} satisfies Operations

export const SCHEMAS = INFLUX_ANSWERS satisfies Schemas
