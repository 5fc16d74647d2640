// Preloaded into a gateway by bench/meter.ts. SIGUSR2 switches its metrics off and on again.
import { registerHooks } from 'node:module'

const SWITCHED = new URL('switched-metrics.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    /^\.\/(prometheus|readings)\.ts$/.test(specifier) &&
    context.parentURL?.endsWith('/src/metrics/of-gateway.ts')
      ? { url: SWITCHED, shortCircuit: true }
      : next(specifier, context),
})
