import { ERROR_CODES, type ErrorCode, GatewayError } from '../errors.ts'
import { type Problem, toProblem } from '../http/problem.ts'
import { type Schemas, TRACE_ID } from './operation.ts'

interface Described {
  /** What happened, to be read after the code. */
  readonly means: string
  /** What mends it. */
  readonly remedy: string
  /** A `detail` as the gateway writes it. */
  readonly detail: string
  /** Whether the same helps later, after as many seconds as the answer says. */
  readonly later?: true
}

/** Of each error code what it means and what to do: the API reference and docs/troubleshooting.md have it from here. */
export const PROBLEMS: Readonly<Record<ErrorCode, Described>> = {
  certificate_required: {
    means: 'no client certificate was sent',
    remedy: '`curl --cert client.crt --key client.key`; a proxy in between must pass TLS through',
    detail:
      'No client certificate was sent. Send the one this device was issued, as with curl --cert client.crt --key client.key.',
  },
  certificate_expired: {
    means: 'the time of the client certificate is over',
    remedy: "issue a new one (`wott-gateway device renew`); look at the gateway's clock too",
    detail:
      'The client certificate was valid until Nov 24 08:00:00 2026 GMT. Have a new one issued.',
  },
  certificate_revoked: {
    means: 'the CA has taken the client certificate back',
    remedy: '`wott-gateway device add` again if that was a mistake',
    detail: 'The client certificate with serial number 5F1C0E9A has been revoked by its CA.',
  },
  certificate_untrusted: {
    means:
      'another CA issued the client certificate, or it is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT), or an intermediate is missing, or a CA has expired, or the revocation list of the CA is out of date (CRL_HAS_EXPIRED), or `WOTT_CRL_FILE` holds none of the CA that issued the certificate (UNABLE_TO_GET_CRL)',
    remedy:
      'compare `openssl x509 -noout -issuer` with `WOTT_CA_FILE`; have the list signed anew; put a list of each CA that issues devices into `WOTT_CRL_FILE`; look at the clock, and at `/readyz`, which names what is out of date',
    detail:
      "The client certificate does not descend from the gateway's device CA as it must (UNABLE_TO_VERIFY_LEAF_SIGNATURE).",
  },
  identity_unusable: {
    means: "the certificate's subject has no CN, two, or one that is no WoTT ID",
    remedy: '`WOTT_ID_PATTERN`, or another certificate',
    detail: 'The client certificate names no usable WoTT ID: its subject has no CN.',
  },
  session_required: {
    means: 'a browser is not logged in',
    remedy: 'open the link of `wott-gateway viewer invite NAME`',
    detail: 'Open the link of an invite first: wott-gateway viewer invite NAME',
  },
  session_expired: {
    means: 'the time of a session is over',
    remedy: 'a new link from `viewer invite`',
    detail: 'Your session has expired. Ask for a new invite.',
  },
  session_ended: {
    means: 'a session was logged out, revoked, or is none of ours',
    remedy: 'a new link from `viewer invite`',
    detail: 'Your session was ended. Ask for a new invite.',
  },
  invite_invalid: {
    means:
      "a link was used before, is older than 24 hours or is not ours; or `viewer invite` wrote another viewers file than the gateway's `WOTT_VIEWERS_FILE`",
    remedy: 'a new link from `viewer invite`, with `--file` and the path in `WOTT_VIEWERS_FILE`',
    detail:
      'This invite was used before, has expired, or never was one. Ask for a new one: wott-gateway viewer invite NAME',
  },
  readings_refused: {
    means: 'every line of `POST /topics` was refused, and not all for the same reason',
    remedy: '`refused` in the answer says of each line why',
    detail: 'All 2 lines were refused, for different reasons.',
  },
  idempotency_key_in_use: {
    means: 'the first request with this `Idempotency-Key` is still under way',
    remedy: 'send it again after `Retry-After` seconds: the answer is that of the first',
    detail: 'The first request with this Idempotency-Key is still under way.',
    later: true,
  },
  idempotency_key_reused: {
    means:
      'this device used the `Idempotency-Key` for another request: its path, query, properties or body were others',
    remedy: 'a new key for each request, and the same one only to send a request again',
    detail:
      'This Idempotency-Key was used for another request. Use a new one for each request, and the same one only to send a request again.',
  },
  topic_invalid: {
    means:
      'the topic is empty, too long or deep, or has `+`, `#`, a leading `$` or control characters; or the filter is none',
    remedy: 'correct the topic; `#` in a filter is written `%23`',
    detail: 'The topic must not hold a wildcard ("+" or "#") [MQTT-3.3.2-2].',
  },
  query_invalid: {
    means: 'the query has an unknown name, or a wrong value',
    remedy: 'the detail names it',
    detail: 'qos must be 0 or 1, not "2".',
  },
  request_invalid: {
    means:
      'this is not the HTTP that this path speaks, or a header has a wrong value, or this is plain HTTP on a port that speaks HTTPS',
    remedy: 'the detail says what is wrong',
    detail: 'These bytes are no HTTP request.',
  },
  time_invalid: {
    means:
      'the `time` of a reading is not a time, or further in the past or the future than `WOTT_READING_PAST` and `WOTT_READING_FUTURE` allow',
    remedy: "look at the device's clock; leave `time` out for the time of arrival",
    detail:
      'The time 1970-01-01T00:00:12.000Z is more than 2592000 seconds ago (WOTT_READING_PAST).',
  },
  body_invalid: {
    means: 'the body is not what its content type, or its payload format, says',
    remedy: 'the detail says what is wrong',
    detail: 'The body must be JSON: {"code":"…"}',
  },
  cloud_event_invalid: {
    means: 'the request says that it is a CloudEvent, and an attribute is missing or wrong',
    remedy: 'the detail names the attribute',
    detail: 'Not a valid CloudEvent: the attribute source is missing.',
  },
  publish_denied: {
    means:
      'no line of the ACL file allows publishing to this topic, or one denies it; or the broker behind the gateway refuses it (the detail says so)',
    remedy:
      '`wott-gateway acl explain ID publish TOPIC` names the line; of a broker behind the gateway, see its own access control',
    detail: 'The access control file does not let sensor.d.wott.local publish to wott/humidity.',
  },
  read_denied: {
    means: 'no line of the ACL file allows reading this, or one denies it',
    remedy: '`wott-gateway acl explain ID receive TOPIC` names the line',
    detail: 'The access control file does not let sensor.d.wott.local read wott/temperature.',
  },
  origin_denied: {
    means:
      'a page of another site asked, or the ops door was asked under a name that is not one of its own',
    remedy: "open the page under the gateway's own address; `WOTT_OPS_HOSTS`",
    detail:
      'Pages of https://elsewhere.example may not speak in the name of who uses this browser.',
  },
  not_found: {
    means: 'there is no such path',
    remedy: 'look it up in `/docs` on the viewer door',
    detail: 'There is no GET /nothing here.',
  },
  not_retained: {
    means: 'no message is retained on this topic',
    remedy:
      'publish one with `retain=true`, or follow the topic instead, with `Accept: text/event-stream`',
    detail:
      'No message is retained on wott/temperature. Publish one with ?retain=true, or ask for a stream: Accept: text/event-stream.',
  },
  method_not_allowed: {
    means: 'there is such a path, but not for this method',
    remedy: '`Allow` names the methods that it has',
    detail: 'There is no PUT /topics/a here; its methods are GET, HEAD, POST.',
  },
  request_timeout: {
    means: 'the request did not arrive in time',
    remedy: 'look at the link; send less at once',
    detail: 'The request did not arrive in time.',
  },
  payload_too_large: {
    means:
      'the body is larger than this route takes; for one reading that is `WOTT_MAX_PAYLOAD`, or what the broker behind the gateway takes',
    remedy: 'raise it, or split the payload',
    detail: 'The request body is larger than this route takes.',
  },
  unsupported_media_type: {
    means:
      '`POST /topics` takes `application/x-ndjson` only, and `POST /topics/{topic}` no CloudEvents but one in JSON',
    remedy: 'set the content type; send events one by one',
    detail:
      'Send many readings as application/x-ndjson, one JSON object a line; one reading goes to /topics/{topic}.',
  },
  content_encoding_unsupported: {
    means:
      'the body is compressed with something else than gzip or deflate, or this path takes no compressed body',
    remedy: 'compress it with gzip, or send it as it is',
    detail: 'The Content-Encoding must be gzip or deflate, or none at all.',
  },
  rate_limited: {
    means:
      'this device publishes more than `WOTT_PUBLISH_RATE` readings a second, or reads more of the history at the same time than it may; or this address sends more to the viewer door without a session than it may (`WOTT_STRANGER_REQUEST_RATE`, `WOTT_INVITE_GUESSES`)',
    remedy: 'wait as `Retry-After` says',
    detail: 'This device publishes faster than it may.',
    later: true,
  },
  quota_exceeded: {
    means:
      'the requests, answers and streams of this device or viewer hold as much memory as `WOTT_MEMORY_BYTES_PER_DEVICE` allows, or those of all as much as `WOTT_MEMORY_BYTES`; or the broker behind the gateway has a quota',
    remedy: 'read the answers, send less at once, and wait as `Retry-After` says',
    detail:
      'The requests and answers under way, or others of this gateway, hold as much memory as they may. Read the answers, and send less at once.',
    later: true,
  },
  headers_too_large: {
    means: 'the request line and headers are beyond the bound',
    remedy: 'shorten them',
    detail: 'The request line and headers are too large.',
  },
  internal_error: {
    means: 'a fault of the gateway',
    remedy: 'report it with the log line of the `traceId`',
    detail: 'Something went wrong inside the gateway; its log has the same traceId.',
  },
  not_supported_here: {
    means:
      'this gateway runs as a function, which is stopped after each answer: it has no streams, no history and no commands; or it is in front of another broker and keeps no commands, or they are off (`WOTT_COMMAND_TOPIC`)',
    remedy:
      'ask a gateway that stays, or subscribe to the broker behind; a retained message is read without `Accept: text/event-stream`; publish without `command` and `ack`',
    detail:
      'This gateway runs as a function, which is stopped after each answer: it has no streams. Ask a gateway that stays.',
  },
  subscription_refused: {
    means:
      'the broker that `WOTT_BROKER` names refuses the subscription that this needs, or there are `WOTT_BROKER_SUBSCRIPTIONS` already',
    remedy:
      'let the gateway subscribe there, or read by narrower filters; its log names the filter and the reason',
    detail: 'The broker refuses the subscription to "#": not authorized.',
  },
  broker_unavailable: {
    means:
      'the broker does not take messages, most likely because its disk is full, or the broker behind the gateway is away or slow; of `GET /history`, it cannot read its store',
    remedy: '`/readyz` on the ops door or the log says why; try again after `Retry-After`',
    detail: 'the store took nothing: database or disk is full',
    later: true,
  },
  session_not_stored: {
    means: 'you are logged out, but the disk did not take that',
    remedy:
      'make room on the disk of `WOTT_VIEWERS_FILE`: the gateway stores it then, and until it does a restart would open the session again',
    detail: 'You are logged out, but that is not on the disk yet.',
  },
  too_many_streams: {
    means:
      'more than `WOTT_MAX_STREAMS` streams would be open, or more than `WOTT_MAX_STREAMS_PER_READER` of one device or viewer',
    remedy: 'raise it, or have readers share a stream of several filters',
    detail: '1000 streams are open, and no more are allowed (WOTT_MAX_STREAMS).',
    later: true,
  },
  too_many_polls: {
    means:
      'more than `WOTT_MAX_POLLS` requests would wait for commands, or more than `WOTT_MAX_POLLS_PER_DEVICE` of one device',
    remedy: 'raise it, wait a shorter time, or have one program of the device ask',
    detail: '1000 requests wait for commands, and no more are allowed (WOTT_MAX_POLLS).',
    later: true,
  },
}

export function exampleOf(code: ErrorCode): Problem {
  return toProblem(new GatewayError(code, PROBLEMS[code].detail), TRACE_ID)
}

/** The codes as a table in Markdown, for docs/troubleshooting.md. */
export function toProblemTable(): string {
  const rows = ERROR_CODES.map(
    (code) => `| \`${code}\` | ${PROBLEMS[code].means} | ${PROBLEMS[code].remedy} |`,
  )
  return ['| code | means | do |', '|---|---|---|', ...rows].join('\n')
}

export const SCHEMAS = {
  Problem: {
    type: 'object',
    description:
      "Why the gateway refused: RFC 9457 problem details, with the members `message` and `traceId` of AWS IoT's error bodies.",
    required: ['type', 'title', 'status', 'detail', 'code', 'message', 'traceId'],
    properties: {
      type: { type: 'string', format: 'uri', description: 'A URN that ends in the code.' },
      title: { type: 'string', description: 'The code in words.' },
      status: { type: 'integer', description: 'The HTTP status.' },
      detail: { type: 'string', description: 'What happened, for the person who caused it.' },
      code: {
        type: 'string',
        enum: ERROR_CODES,
        description: [
          'What happened, for programs: codes are stable.',
          ...ERROR_CODES.map((code) => `- \`${code}\`: ${PROBLEMS[code].means}.`),
        ].join('\n'),
      },
      message: { type: 'string', description: 'The same as `detail`.' },
      traceId: {
        type: 'string',
        description: "Finds the line in the gateway's log. Also in the header `x-request-id`.",
      },
      accepted: {
        type: 'integer',
        minimum: 0,
        description: 'Of `POST /topics`, as in an outcome.',
      },
      refused: {
        type: 'array',
        items: { $ref: 'RefusedLine#' },
        description: 'Of `POST /topics`, as in an outcome.',
      },
      next: {
        type: 'integer',
        minimum: 1,
        description: 'Of `POST /topics`: the line from which to go on after `Retry-After` seconds.',
      },
    },
  },
} satisfies Schemas
