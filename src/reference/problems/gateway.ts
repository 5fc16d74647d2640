import type { Described } from './described.ts'

/** Problems of the gateway, of its limits and of the broker behind it. */
export const GATEWAY = {
  rate_limited: {
    means:
      'this device publishes more than `WOTT_PUBLISH_RATE` readings a second, or reads more of the history at the same time than it may; or this address sends more to the viewer door without a session than it may (`WOTT_STRANGER_REQUEST_RATE`, `WOTT_INVITE_GUESSES`); or the view of this viewer is still being stored',
    remedy: 'wait as `Retry-After` says',
    detail: 'This device exceeds its rate limit (WOTT_PUBLISH_RATE).',
    later: true,
  },
  quota_exceeded: {
    means:
      'the requests, answers and streams of this device or viewer hold as much memory as `WOTT_MEMORY_BYTES_PER_DEVICE` allows, or those of all as much as `WOTT_MEMORY_BYTES`; or the broker behind the gateway has a quota',
    remedy: 'read the answers, send less at once, and wait as `Retry-After` says',
    detail:
      'The memory limit for this device, or for all clients together, is reached (WOTT_MEMORY_BYTES_PER_DEVICE, WOTT_MEMORY_BYTES). Read the answers, and send less at once.',
    later: true,
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
} satisfies Record<string, Described>
