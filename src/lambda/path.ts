/** A path without `prefix`, which ends where a part of the path does. */
export function withoutPrefix(path: string, prefix: string): string {
  const name = prefix.replace(/\/$/, '')
  if (path === name) return '/'
  return path.startsWith(`${name}/`) ? path.slice(name.length) : path
}

/** Encodes a path that was decoded, so that decoding it once more gives the same text. */
export function encodePath(path: string): string {
  return path.toWellFormed().split('/').map(encodeURIComponent).join('/')
}

/** Encodes only what no URL has, and leaves the escapes as they are. */
export function escapeIllegal(part: string): string {
  return part.toWellFormed().replace(/[^\u0021-\u007e]|[#?]/gu, encodeURIComponent)
}
