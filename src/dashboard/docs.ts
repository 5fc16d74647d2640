declare function SwaggerUIBundle(options: object): unknown

interface Api {
  servers: readonly { url: string }[]
  paths: Record<string, Record<string, { servers?: unknown }>>
}

const response = await fetch('/openapi.json')
const spec = (await response.json()) as Api
// what is tried here is asked of this door, as who its reader is here
spec.servers = [{ url: '/' }]

/** Streams have no end, and what one door alone has may not be here. */
function canBeTried(path: string, method: string): boolean {
  return path !== '/stream' && spec.paths[path]?.[method]?.servers === undefined
}

SwaggerUIBundle({
  spec,
  dom_id: '#reference',
  validatorUrl: null,
  plugins: [
    {
      components: { authorizeOperationBtn: () => null },
      statePlugins: {
        spec: {
          wrapSelectors: {
            allowTryItOutFor: () => (_state: unknown, path: string, method: string) =>
              canBeTried(path, method),
          },
        },
      },
    },
  ],
})
