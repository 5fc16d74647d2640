import { type Content, type Operation, type Operations, parameters } from './operation.ts'

const ETAG = { etag: { type: 'string', description: 'For `If-None-Match`.' } }

function file(summary: string, content: Content): Operation {
  return {
    summary,
    tags: ['Pages'],
    headers: parameters({
      'If-None-Match': { type: 'string', description: 'The `etag` of the copy that you have.' },
    }),
    response: {
      200: { description: 'The file.', headers: ETAG, content },
      304: { description: 'Your copy is up to date.', headers: ETAG, type: 'null' },
    },
    errors: [],
    session: 'unused',
  }
}

const PAGE = { 'text/html': { schema: { type: 'string' } } }
const DOCUMENT = { 'application/json': { schema: { type: 'object' } } }

export const OPERATIONS = {
  getDashboard: file('The dashboard', PAGE),
  getReference: file('This reference, for people', PAGE),
  getOpenapi: file('This reference: HTTP, in OpenAPI', DOCUMENT),
  getAsyncapi: file('MQTT, WebSocket and streams, in AsyncAPI', DOCUMENT),
  getAsset: {
    ...file('The files of the pages', {
      'text/javascript': { schema: { type: 'string' } },
      'text/css': { schema: { type: 'string' } },
      'image/svg+xml': { schema: { type: 'string' } },
    }),
    params: parameters({ file: { type: 'string', examples: ['style.css'] } }),
    errors: ['not_found'],
  },
} satisfies Operations
