import { HEALTH } from '../http/ops-door.ts'
import { json, type Operations, type Schemas } from './operation.ts'

export const OPERATIONS = {
  getMetrics: {
    summary: 'Metrics for Prometheus',
    tags: ['Health'],
    response: {
      200: {
        description: "Prometheus' text exposition. docs/monitoring.md explains the metrics.",
        content: {
          'text/plain': {
            schema: { type: 'string' },
            examples: {
              reading: {
                value: 'wott_reading{device="sensor.d.wott.local",topic="wott/temperature"} 21.5\n',
              },
            },
          },
        },
      },
    },
    errors: [],
  },
  getLiveness: {
    summary: 'Whether the process is alive',
    tags: ['Health'],
    response: {
      200: json('It is alive.', 'Health', { status: 'ok', checks: { event_loop: 'ok' } }),
    },
    errors: [],
  },
  getReadiness: {
    summary: 'Whether the gateway is ready for traffic',
    tags: ['Health'],
    response: {
      200: json(
        'Every door listens, the broker accepts messages, and devices can connect. `degraded`: a certificate, list or file is out of date, or the broker behind the gateway refuses a subscription.',
        'Health',
        {
          status: 'ok',
          checks: {
            doors: 'ok',
            broker: 'ok',
            store: 'ok',
            certificates: 'ok',
            draining: 'ok',
            files: 'ok',
          },
        },
      ),
      503: json('Something is wrong.', 'Health', {
        status: 'failing',
        checks: {
          doors: 'ok',
          broker: 'ok',
          store: 'ok',
          certificates: 'ok',
          draining: 'the gateway is stopping',
          files: 'ok',
        },
      }),
    },
    errors: [],
  },
} satisfies Operations

export const SCHEMAS = {
  Health: HEALTH,
} satisfies Schemas
