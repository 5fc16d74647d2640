import { WHOAMI } from '../http/whoami.ts'
import { json, type Operations, type Schemas } from './operation.ts'

export const OPERATIONS = {
  whoami: {
    summary: 'Your identity, and your rights in the ACL file',
    tags: ['Identity'],
    response: {
      200: json('Your identity and your rights.', 'Whoami', {
        id: 'sensor.d.wott.local',
        notAfter: '2027-11-24T08:00:00.000Z',
        fingerprint256: Array(32).fill('5F').join(':'),
        rules: [{ access: 'write', topic: 'wott/temperature' }],
      }),
    },
    errors: [],
  },
} satisfies Operations

export const SCHEMAS = {
  Whoami: WHOAMI,
} satisfies Schemas
