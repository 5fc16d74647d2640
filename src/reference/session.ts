import { SESSION } from '../http/session.ts'
import { json, type Operations, type Schemas } from './operation.ts'

const COOKIE_SET = { 'set-cookie': { type: 'string', description: 'The session.' } }
const ALICE = {
  id: 'alice',
  expires: '2026-11-24T20:00:00.000Z',
  kind: 'invite',
  view: 'filter=kitchen%2F%23&wall',
}

export const OPERATIONS = {
  logIn: {
    summary: 'Exchange the code of an invite for a session',
    description:
      'The code is after `#invite=` in the link that `wott-gateway viewer invite NAME` prints. It works once. The session is a cookie that no script can read.',
    tags: ['Sessions'],
    body: {
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['code'],
            properties: { code: { type: 'string', minLength: 1 } },
            'x-examples': { invite: { value: { code: 'q83vEjRWeJCrze8SNFZ4kKvN7xI' } } },
          },
        },
      },
    },
    response: { 200: { ...json('You are logged in.', 'Session', ALICE), headers: COOKIE_SET } },
    errors: ['body_invalid', 'invite_invalid', 'payload_too_large', 'rate_limited'],
    session: 'unused',
  },
  logOut: {
    summary: 'Log out',
    description:
      'Ends the session and its streams. Whoever has none is answered the same. 503 `session_not_stored`: it has ended, but the disk did not take that, and a restart of the gateway would open it again.',
    tags: ['Sessions'],
    response: { 204: { description: 'You are logged out.', type: 'null', headers: COOKIE_SET } },
    errors: ['payload_too_large', 'session_not_stored'],
    session: 'optional',
  },
  getSession: {
    summary: 'Who looks, and until when',
    description: 'On the device door that is the device, until its certificate expires.',
    tags: ['Sessions'],
    response: { 200: json('The session.', 'Session', ALICE) },
    errors: [],
  },
  keepView: {
    summary: 'Choose what the dashboard shows first',
    description:
      'The query of an address of the dashboard, without its `?`: who opens the dashboard without a query sees this, on each of their devices. An empty one is everything again.',
    tags: ['Sessions'],
    body: {
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['view'],
            properties: {
              view: { type: 'string', maxLength: 2048, pattern: "^[\\w.~!'()*%&=-]*$" },
            },
            'x-examples': { kitchen: { value: { view: 'filter=kitchen%2F%23' } } },
          },
        },
      },
    },
    response: { 204: { description: 'It is stored.', type: 'null' } },
    errors: ['body_invalid', 'payload_too_large', 'rate_limited', 'view_not_stored'],
  },
} satisfies Operations

export const SCHEMAS = {
  Session: SESSION,
} satisfies Schemas
