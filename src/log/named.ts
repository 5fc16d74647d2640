/** The field of a log line for who came through `door`: a viewer has a name that the ACL knows, everybody else a WoTT ID. */
export function namedAt(
  door: string,
  name: string | undefined,
): { readonly viewer?: string; readonly device?: string } {
  if (name === undefined) return {}
  return door === 'viewer' ? { viewer: name } : { device: name }
}
