import type { Described } from './described.ts'

/** Problems with what is published or read. */
export const MESSAGES = {
  readings_refused: {
    means: 'every line of `POST /topics` was refused, and not all for the same reason',
    remedy: '`refused` in the answer says why, for each line',
    detail: 'All 2 lines were refused, for different reasons.',
  },
  idempotency_key_in_use: {
    means: 'the first request with this `Idempotency-Key` is still being processed',
    remedy:
      'send it again after `Retry-After` seconds: it then gets the answer of the first request',
    detail: 'The first request with this Idempotency-Key is still being processed.',
    later: true,
  },
  idempotency_key_reused: {
    means:
      'this device used the `Idempotency-Key` for another request, with a different path, query, properties or body',
    remedy: 'use a new key for each request, and the same key only to repeat a request',
    detail:
      'This Idempotency-Key was used for another request. Use a new one for each request, and the same one only to repeat a request.',
  },
  topic_invalid: {
    means:
      'the topic is empty, too long or deep, or has `+`, `#`, a leading `$` or control characters; or the filter is not valid',
    remedy: 'correct the topic; write `#` in a filter as `%23`',
    detail: 'The topic must not contain a wildcard ("+" or "#") [MQTT-3.3.2-2].',
  },
  time_invalid: {
    means:
      'the `time` of a reading is not a valid time, or too far in the past or the future (`WOTT_READING_PAST`, `WOTT_READING_FUTURE`)',
    remedy: "check the device's clock, or leave out `time` to use the time of arrival",
    detail:
      'The time 1970-01-01T00:00:12.000Z is more than 2592000 seconds ago (WOTT_READING_PAST).',
  },
  body_invalid: {
    means: 'the body does not fit its content type or its payload format',
    remedy: 'the detail says what is wrong',
    detail: 'The body must be JSON: {"code":"…"}',
  },
  cloud_event_invalid: {
    means: 'the request is a CloudEvent with a missing or wrong attribute',
    remedy: 'the detail names the attribute',
    detail: 'Not a valid CloudEvent: the attribute source is missing.',
  },
  publish_denied: {
    means:
      'the ACL file does not allow publishing to this topic, or denies it; or the broker behind the gateway refuses it (the detail says so)',
    remedy:
      '`wott-gateway acl explain ID publish TOPIC` names the line; for a broker behind the gateway, check its own access control',
    detail: 'The ACL file does not allow sensor.d.wott.local to publish to wott/humidity.',
  },
  read_denied: {
    means: 'the ACL file does not allow reading this, or denies it',
    remedy: '`wott-gateway acl explain ID receive TOPIC` names the line',
    detail: 'The ACL file does not allow sensor.d.wott.local to read wott/temperature.',
  },
  not_retained: {
    means: 'no message is retained on this topic',
    remedy:
      'publish one with `retain=true`, or follow the topic instead, with `Accept: text/event-stream`',
    detail:
      'No message is retained on wott/temperature. Publish one with ?retain=true, or ask for a stream: Accept: text/event-stream.',
  },
  payload_too_large: {
    means:
      'the body is larger than this route accepts; for one reading the limit is `WOTT_MAX_PAYLOAD`, or that of the broker behind the gateway',
    remedy: 'raise the limit, or split the payload',
    detail: 'The request body is larger than this route takes.',
  },
  unsupported_media_type: {
    means:
      '`POST /topics` accepts only `application/x-ndjson`; `POST /topics/{topic}` accepts a CloudEvent only as single event in JSON',
    remedy: 'set the right content type; send events one by one',
    detail:
      'Send many readings as application/x-ndjson, one JSON object per line; send one reading to /topics/{topic}.',
  },
  content_encoding_unsupported: {
    means:
      'the body is compressed, but not with gzip or deflate; or this path accepts no compressed body',
    remedy: 'compress it with gzip, or send it uncompressed',
    detail: 'The Content-Encoding must be gzip or deflate, or none at all.',
  },
} satisfies Record<string, Described>
