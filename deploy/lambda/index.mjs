// what template.yaml calls index.handler
import { createHandler } from 'wott-gateway/lambda'

export const handler = createHandler()
// while Lambda initialises the function, which has a whole CPU then
await handler.ready()
