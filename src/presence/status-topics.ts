/** The topics that hold the status of devices and of their topics. */
export interface StatusTopics {
  /** Covers all status topics. */
  readonly filter: string
  ofDevice(device: string): string
  ofTopic(device: string, topic: string): string
  /** The device whose status a topic holds, and which of its topics (null for the device itself); null for any other topic. */
  parse(topic: string): { readonly device: string; readonly topic: string | null } | null
}

/** `template` is the status topic of a device, with `%u` as the level for its name; the statuses of its topics are below it. */
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
