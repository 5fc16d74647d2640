// what template.yaml calls index.handler
import { createHandler } from 'wott-gateway/lambda'

export const handler = createHandler()
// while Lambda initialises the function, so that the first event need not wait
await handler.ready()
