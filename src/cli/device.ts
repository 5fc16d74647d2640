import { pickAction } from './actions.ts'
import type { Flags } from './arguments.ts'
import type { CliCommand } from './command.ts'
import {
  ALLOW,
  DAYS,
  DEVICE_ACL_FILE,
  DEVICE_JSON_LINES,
  DIR,
  REASON,
  REPLACE,
  STORE_IN_USE,
  TTL,
  URL_FLAG,
} from './device-flags.ts'
import { helpText } from './help.ts'

type Action = (args: readonly string[]) => Promise<void>

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  invite: async () => (await import('./device-invite.ts')).invite,
  waiting: async () => (await import('./device-waiting.ts')).waiting,
  approve: async () => (await import('./device-waiting.ts')).approve,
  deny: async () => (await import('./device-waiting.ts')).deny,
  add: async () => (await import('./device-files.ts')).add,
  renew: async () => (await import('./device-files.ts')).renew,
  revoke: async () => (await import('./device-revoke.ts')).revoke,
  list: async () => (await import('./device-list.ts')).list,
}

export const device: CliCommand = {
  help: helpText({
    usage: [
      'device invite NAME [--allow FILTER]... [--ttl TIME]',
      'device invite NAME [--url URL] [--json] [--dir DIR]',
      'device waiting [--json] [--dir DIR]',
      'device approve FINGERPRINT [NAME] [--replace] [--dir DIR]',
      'device deny FINGERPRINT [--dir DIR]',
      'device add [NAME] [--allow FILTER]... [--days N] [--dir DIR]',
      'device renew ID [--days N] [--dir DIR]',
      'device revoke ID [--reason REASON] [--dir DIR]',
      'device list [--json] [--store DIR] [--dir DIR]',
    ],
    about: [],
    words: [
      [
        'invite NAME',
        'print the line with which a device gets its certificate as NAME.d.wott.local from the enrol door, once, and what the ACL file lets it do',
      ],
      ['waiting', 'the keys that ask for a certificate without an invite'],
      [
        'approve FINGERPRINT [NAME]',
        'let a key that waits or was denied have a certificate, by at least eight digits of its fingerprint, for the name that it asks for or NAME',
      ],
      ['deny FINGERPRINT', 'refuse a key that waits or was approved a certificate, for a day'],
      [
        'add [NAME]',
        'issue a certificate to NAME.d.wott.local (a random name if none is given), in DIR/devices/NAME/: ca.crt, client.crt, client.key and combined.pem; prints the WoTT ID and the folder and, on standard error, until when the certificate is valid, what the ACL file lets the device do and a command line to try',
      ],
      [
        'renew ID',
        'issue a new certificate and key to a device, by WoTT ID or name, in the place of the files in its folder; the certificate that the device has stays valid until its own end',
      ],
      [
        'revoke ID',
        "put the certificates of a device, by WoTT ID or name, on the revocation list, and take its invites back; a gateway that runs with it ends the device's connections",
      ],
      [
        'list',
        'every device: invited, waiting, approved, active, expired, revoked, or untrusted (by a CA that was replaced), with its last certificate',
      ],
    ],
    flags: {
      dir: DIR,
      ttl: TTL,
      url: URL_FLAG,
      allow: ALLOW,
      'acl-file': DEVICE_ACL_FILE,
      days: DAYS,
      replace: REPLACE,
      reason: REASON,
      store: STORE_IN_USE,
      json: DEVICE_JSON_LINES,
    } satisfies Flags,
    examples: [
      'wott-gateway device invite kitchen',
      'wott-gateway device waiting',
      'wott-gateway device add kitchen --days 90',
      "wott-gateway device add hall --allow 'hall/#' --allow 'read house/+/set'",
      'wott-gateway device list',
      'wott-gateway device revoke kitchen.d.wott.local --reason keyCompromise',
    ],
  }),
  async run([action, ...args]) {
    const run = await pickAction('device', ACTIONS, action)()
    await run(args)
    return undefined
  },
}
