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

/** Swagger UI names its fields in the cell beside them alone, which a screen reader does not connect with them. */
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
