/** The address of another MQTT broker. */
export interface BrokerUrl {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

const PORTS = { mqtt: 1883, mqtts: 8883 } as const

/**
 * Reads `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`, several with commas; undefined for a text with another beginning. Throws
 * an Error that says what is allowed.
 */
export function parseBrokerUrls(text: string): readonly BrokerUrl[] | undefined {
  if (!/^mqtts?:/i.test(text)) return undefined
  const urls = text.split(/ *, */).map(parseBrokerUrl)
  if (new Set(urls.map(({ tls }) => tls)).size > 1)
    throw new Error('must not mix mqtt:// and mqtts://, so that TLS is not left out by accident')
  return urls
}

function parseBrokerUrl(text: string): BrokerUrl {
  const url = URL.parse(text)
  const scheme = url?.protocol.slice(0, -1)
  if (!url || (scheme !== 'mqtt' && scheme !== 'mqtts') || url.hostname === '')
    throw new Error(
      'must be mqtt://HOST:PORT or mqtts://HOST:PORT; several are separated by commas',
    )
  if (url.username !== '' || url.password !== '')
    throw new Error(
      'must not contain a user name or password, because URLs are logged: use the settings that end in USERNAME and PASSWORD_FILE',
    )
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    throw new Error('must end after HOST:PORT: MQTT over TCP has no path')
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORTS[scheme] : Number(url.port),
    tls: scheme === 'mqtts',
  }
}

/** A setting with its secret hidden, for the log. */
export function withoutSecret(text: string): string {
  return text.replaceAll(/(?<=:\/\/)\S*@/g, '…@')
}
