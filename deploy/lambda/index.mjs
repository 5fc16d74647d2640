// exports the handler that template.yaml names (index.handler)
import { createHandler } from 'wott-gateway/lambda'

export const handler = createHandler()
// connects while Lambda initialises the function, so that the first event does not wait
await handler.ready()
