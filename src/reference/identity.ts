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
  Whoami: {
    type: 'object',
    description: 'Your identity, and your rights in the ACL file.',
    required: ['id', 'notAfter', 'rules'],
    properties: {
      id: { type: 'string', description: "The WoTT ID, or a viewer's name: the ACL file's user." },
      notAfter: {
        type: 'string',
        format: 'date-time',
        description: 'When the certificate or the session expires.',
      },
      fingerprint256: { type: 'string', description: 'SHA-256 of the certificate; devices only.' },
      rules: {
        type: 'array',
        items: {
          type: 'object',
          required: ['access', 'topic'],
          properties: {
            access: { type: 'string', enum: ['read', 'write', 'readwrite', 'deny'] },
            topic: { type: 'string', description: 'A topic filter; patterns are filled in.' },
          },
        },
      },
      rulesOmitted: { type: 'integer', description: 'How many more there are, if too many.' },
    },
  },
} satisfies Schemas
