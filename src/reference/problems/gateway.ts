import type { Described } from './described.ts'

/** Problems of the gateway, of its limits and of the broker behind it. */
export const GATEWAY = {
  rate_limited: {
    means:
      'this device exceeds `WOTT_PUBLISH_RATE`, or reads too much of the history at the same time; or this address sends too many requests without a session to the viewer door (`WOTT_STRANGER_REQUEST_RATE`, `WOTT_INVITE_GUESSES`); or the view of this viewer is still being stored',
    remedy: 'wait as `Retry-After` says',
    detail: 'This device exceeds its rate limit (WOTT_PUBLISH_RATE).',
    later: true,
  },
  quota_exceeded: {
    means:
      'the memory limit for this device or viewer (`WOTT_MEMORY_BYTES_PER_DEVICE`), or for all together (`WOTT_MEMORY_BYTES`), is reached; or a quota of the broker behind the gateway',
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
      'this gateway runs as a function that stops after each answer, so it has no streams, history or commands; or it is in front of another broker and cannot keep commands; or commands are turned off (`WOTT_COMMAND_TOPIC`)',
    remedy:
      'use a gateway that runs all the time, or subscribe to the broker behind it; read retained messages without `Accept: text/event-stream`; publish without `command` and `ack`',
    detail:
      'This gateway runs as a function that stops after each answer, so it has no streams. Use a gateway that runs all the time.',
  },
  subscription_refused: {
    means:
      'the broker in `WOTT_BROKER` refuses the subscription for this filter, or `WOTT_BROKER_SUBSCRIPTIONS` is reached',
    remedy:
      'allow the gateway to subscribe there, or use narrower filters; the log names the filter and the reason',
    detail: 'The broker refuses the subscription to "#": not authorized.',
  },
  broker_unavailable: {
    means:
      'the store cannot be written, most likely because the disk is full; or the broker behind the gateway cannot be reached or is slow; for `GET /history`, the store cannot be read',
    remedy: '`/readyz` on the ops door or the log says why; try again after `Retry-After`',
    detail: 'the store cannot be written: database or disk is full',
    later: true,
  },
  too_many_streams: {
    means:
      'the limit on open streams is reached: `WOTT_MAX_STREAMS`, or `WOTT_MAX_STREAMS_PER_READER` for one device or viewer',
    remedy: 'raise the limit, or let readers use one stream with several filters',
    detail: '1000 streams are open, which is the limit (WOTT_MAX_STREAMS).',
    later: true,
  },
  too_many_polls: {
    means:
      'the limit on requests that wait for commands is reached: `WOTT_MAX_POLLS`, or `WOTT_MAX_POLLS_PER_DEVICE` for one device',
    remedy: 'raise the limit, wait for a shorter time, or let only one program of the device ask',
    detail: '1000 requests wait for commands, which is the limit (WOTT_MAX_POLLS).',
    later: true,
  },
} satisfies Record<string, Described>
