declare function SwaggerUIBundle(options: object): unknown

interface Api {
  servers: readonly { url: string }[]
  paths: Record<string, Record<string, { servers?: unknown }>>
}

const response = await fetch('/openapi.json')
const spec = (await response.json()) as Api
// requests that are tried go to this door, in the name of the reader
spec.servers = [{ url: '/' }]

/** A stream never ends, and routes that only some doors have may be missing here. */
function canBeTried(path: string, method: string): boolean {
  return path !== '/stream' && spec.paths[path]?.[method]?.servers === undefined
}

SwaggerUIBundle({
  spec,
  dom_id: '#reference',
  validatorUrl: null,
  // the usual one is too pale on its background
  syntaxHighlight: { theme: 'tomorrow-night' },
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

/** Swagger UI puts the name of a field into the cell beside it, where a screen reader does not find it. */
function nameFields(): void {
  for (const field of document.querySelectorAll(FIELDS)) {
    const row = field.closest<HTMLElement>('[data-param-name]')
    field.setAttribute('aria-label', row?.dataset.paramName ?? 'Example')
  }
}

const FIELDS = ['[data-param-name] input', '[data-param-name] select', '.examples-select-element']
  .map((field) => `${field}:not([aria-label])`)
  .join()

new MutationObserver(nameFields).observe(document.body, { childList: true, subtree: true })
