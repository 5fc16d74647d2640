import { GatewayError } from '../errors.ts'

const NAME = '%u'

/** The filters with the WoTT ID in the place of `%u`. Throws a refusal for an ID that would be more than one level, or a wildcard. */
export function filtersFor(filters: readonly string[], id: string): string[] {
  if (/[+#/]/.test(id))
    throw new GatewayError(
      'read_denied',
      `${id} cannot have commands: "+", "#" and "/" in a WoTT ID are not possible in a topic level.`,
    )
  return filters.map((filter) =>
    filter
      .split('/')
      .map((level) => (level === NAME ? id : level))
      .join('/'),
  )
}
