/** Where the status of devices and of their topics is. */
export interface StatusTopics {
  /** Covers all of them. */
  readonly filter: string
  ofDevice(device: string): string
  ofTopic(device: string, topic: string): string
  /** Whose status a topic has, and of which of its topics, null for the device itself; null where it is no status topic. */
  parse(topic: string): { readonly device: string; readonly topic: string | null } | null
}

/** `template` has `%u` for the device as one of its levels; the status of one of its topics is below that. */
export function createStatusTopics(template: string): StatusTopics {
  const levels = template.split('/')
  const place = levels.indexOf('%u')
  const start = levels
    .slice(0, place)
    .map((level) => `${level}/`)
    .join('')
  const ofDevice = (device: string) => levels.with(place, device).join('/')
  return {
    filter: `${ofDevice('+')}/#`,
    ofDevice,
    ofTopic: (device, topic) => `${ofDevice(device)}/${topic}`,
    parse(topic) {
      if (!topic.startsWith(start)) return null
      const found = topic.split('/')
      const device = found[place]
      if (device === undefined || found.length < levels.length) return null
      if (levels.some((level, at) => at !== place && level !== found[at])) return null
      const rest = found.slice(levels.length)
      return { device, topic: rest.length === 0 ? null : rest.join('/') }
    },
  }
}
