/** The shapes of answers to clients of InfluxDB, as `answer.ts` and `routes.ts` send them, for the API reference. */
export const INFLUX_ANSWERS = {
  InfluxFailure: {
    type: 'object',
    description: "Why a write failed, in InfluxDB's shape.",
    required: ['code', 'message'],
    properties: {
      code: { type: 'string', description: "InfluxDB's code." },
      message: { type: 'string' },
      line: { type: 'integer', minimum: 1, description: 'The first line that was not published.' },
      error: { type: 'string', description: 'The same as `message`, for clients of InfluxDB 1.' },
      traceId: { type: 'string', description: 'Also in the header `x-request-id`.' },
    },
  },
  InfluxHealth: {
    type: 'object',
    description:
      "The gateway's health, in InfluxDB's shape; `/readyz` on the ops door has the rest.",
    required: ['name', 'message', 'status', 'checks', 'version'],
    properties: {
      name: { type: 'string' },
      message: { type: 'string' },
      status: { type: 'string', enum: ['pass'] },
      checks: { type: 'array', items: { type: 'object' } },
      version: { type: 'string' },
    },
  },
}
