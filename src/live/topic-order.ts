/** Compares topics in the order of their UTF-8 bytes, as SQLite does. */
export function compareTopics(one: string, other: string): number {
  if (one === other) return 0
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) {
    const [a, b] = [one.charCodeAt(index), other.charCodeAt(index)]
    if (a !== b) return inUtf8(a) - inUtf8(b)
  }
  return one.length - other.length
}

/** Maps a UTF-16 unit so that the order is that of UTF-8: surrogates come after all other units. */
function inUtf8(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10_000 : unit
}
