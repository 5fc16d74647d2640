import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './dockerfile.ts'

export interface PrometheusTarget {
  readonly expr: string
}

/** A request of the plugin Infinity to the gateway, and how it reads the answer. */
export interface HistoryTarget {
  readonly type: 'json' | 'csv'
  readonly url: string
  readonly url_options: {
    readonly params: readonly { readonly key: string; readonly value: string }[]
  }
  readonly root_selector: string
  readonly columns: readonly {
    readonly selector: string
    readonly type: 'timestamp' | 'string' | 'number'
  }[]
}

export interface Panel {
  readonly type: string
  readonly title: string
  readonly id: number
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly (PrometheusTarget | HistoryTarget)[]
  /** The panels of a collapsed row. */
  readonly panels?: readonly Panel[]
}

/** A variable; only those of type query ask Prometheus. */
interface Variable {
  readonly name: string
  readonly type: string
  readonly query: { readonly query: string }
  readonly allValue: string
}

export interface Dashboard {
  readonly file: string
  readonly text: string
  readonly panels: readonly Panel[]
  readonly variables: readonly Variable[]
}

/** The dashboards of deploy/, with the panels of collapsed rows among the others. */
export async function readDashboards(): Promise<Dashboard[]> {
  const folder = join(ROOT, 'deploy/grafana/dashboards')
  const files = await readdir(folder)
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8')
      const { panels, templating } = JSON.parse(text)
      return {
        file,
        text,
        variables: templating.list,
        panels: panels.flatMap((panel: Panel) => [panel, ...(panel.panels ?? [])]),
      }
    }),
  )
}

/** The query with which Grafana fills a variable. */
export function labelValues(query: string): { readonly selector: string; readonly label: string } {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? []
  if (!selector || !label) throw new Error(`what does Grafana make of ${query}?`)
  return { selector, label }
}

/** A selected value as Grafana escapes it in a regular expression of PromQL. */
export function chosen(value: string): string {
  return value.replaceAll(/[\\^$*+?.()|[\]{}]/g, '\\\\$&')
}

/** `query` with its variables filled in; throws for an unset one. */
export function interpolate(query: string, values: ReadonlyMap<string, string>): string {
  return query.replaceAll(/\$\{?(\w+)\}?/g, (variable, name) => {
    const value = name === '__rate_interval' ? '1m' : values.get(name)
    if (value === undefined) throw new Error(`${variable} is no variable of this dashboard`)
    return value
  })
}
