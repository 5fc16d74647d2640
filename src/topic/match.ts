/** Whether a valid `filter` covers `topic`, as MQTT 3.1.1 §4.7 defines it. */
export function topicMatches(filter: string, topic: string): boolean {
  // wildcards in the first level never cover names that start with "$" [MQTT-4.7.2-1]
  if ((filter.charCodeAt(0) === DOLLAR) !== (topic.charCodeAt(0) === DOLLAR)) return false
  let f = 0
  let t = 0
  for (;;) {
    const filterEnd = levelEnd(filter, f)
    const topicEnd = levelEnd(topic, t)
    const width = filterEnd - f
    const first = filter.charCodeAt(f)
    if (width === 1 && first === HASH) return true
    const plus = width === 1 && first === PLUS
    if (!plus && (width !== topicEnd - t || !sameSpan(filter, f, topic, t, width))) return false
    const filterDone = filterEnd === filter.length
    const topicDone = topicEnd === topic.length
    // "a/#" covers "a" too [MQTT-4.7.1-2]
    if (topicDone) return filterDone || (filterEnd + 2 === filter.length && filter.endsWith('/#'))
    if (filterDone) return false
    f = filterEnd + 1
    t = topicEnd + 1
  }
}

const DOLLAR = 0x24
const HASH = 0x23
const PLUS = 0x2b

function levelEnd(text: string, from: number): number {
  const slash = text.indexOf('/', from)
  return slash === -1 ? text.length : slash
}

function sameSpan(a: string, aFrom: number, b: string, bFrom: number, width: number): boolean {
  for (let i = 0; i < width; i++)
    if (a.charCodeAt(aFrom + i) !== b.charCodeAt(bFrom + i)) return false
  return true
}
