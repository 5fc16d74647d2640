import { DOORS_SETTINGS } from '../config/settings/doors.ts'
import { type DoorsWith, doorsWith } from '../door-table.ts'
import type { ErrorCode } from '../errors.ts'
import { COOKIE } from '../http/session.ts'

/** The doors that the API reference describes; at the proxy door a proxy presents the API of the device door as its own. */
export type HttpDoor = Exclude<DoorsWith<{ process: 'serve'; speaksHttp: true }>, 'proxy'>

interface DoorReference {
  readonly server: ReturnType<typeof server>
  /** The name of its SECURITY scheme; null where nobody is asked who they are. */
  readonly security: keyof typeof SECURITY | null
  /** What whoever does not meet that is told. */
  readonly unidentified: readonly ErrorCode[]
  /** What any of its routes may answer. */
  readonly errors: readonly ErrorCode[]
}

export const SECURITY = {
  mutualTLS: {
    type: 'mutualTLS',
    description:
      "A client certificate from the gateway's device CA, whose only CN is the WoTT ID: `curl --cert client.crt --key client.key`.",
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: COOKIE,
    description: "The cookie of a viewer's session, which `POST /session` sets.",
  },
} as const

const ANY: readonly ErrorCode[] = [
  // of the path, for a method that it has not
  'method_not_allowed',
  ...(['request_invalid', 'request_timeout', 'headers_too_large', 'internal_error'] as const),
]

/** What the routes of a door have in common. */
export const DOORS = {
  device: {
    server: server('device', 'Device door: devices, by their certificates.'),
    security: 'mutualTLS',
    unidentified: [
      ...(['certificate_required', 'certificate_expired', 'certificate_revoked'] as const),
      ...(['certificate_untrusted', 'identity_unusable'] as const),
    ],
    errors: ['origin_denied', 'quota_exceeded', ...ANY],
  },
  viewer: {
    server: server('viewer', 'Viewer door: people with browsers, who were invited.'),
    security: 'session',
    unidentified: ['session_required', 'session_expired', 'session_ended'],
    errors: ['origin_denied', 'quota_exceeded', 'rate_limited', ...ANY],
  },
  ops: {
    server: server('ops', 'Ops door: the machine itself, unless configured otherwise.'),
    security: null,
    unidentified: [],
    errors: ['origin_denied', ...ANY],
  },
} satisfies Record<HttpDoor, DoorReference>

function server(door: HttpDoor, description: string) {
  const scheme = doorsWith({ hasTls: true }).some((one) => one === door) ? 'https' : 'http'
  return {
    url: `${scheme}://{host}:{port}`,
    description,
    variables: { host: { default: 'localhost' }, port: { default: portOf(door) } },
  }
}

/** The port of a door without a setting. */
export function portOf(door: HttpDoor | 'mqtt'): string {
  const { fallback: address = '' } = DOORS_SETTINGS.settings[door]
  return address.slice(address.lastIndexOf(':') + 1)
}
