import type { Described } from './described.ts'

/** Problems with what is published or read. */
export const MESSAGES = {
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
    detail: 'The topic must not contain a wildcard ("+" or "#") [MQTT-3.3.2-2].',
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
    detail: 'The ACL file does not allow sensor.d.wott.local to publish to wott/humidity.',
  },
  read_denied: {
    means: 'no line of the ACL file allows reading this, or one denies it',
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
} satisfies Record<string, Described>
