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
        'print a command to run once on the device: it gets a certificate for NAME.d.wott.local from the enrol door. Also prints what the ACL file allows that device',
      ],
      ['waiting', 'list the keys that ask for a certificate without an invite'],
      [
        'approve FINGERPRINT [NAME]',
        'give a waiting or denied key a certificate for the name that it asks for, or for NAME; FINGERPRINT is at least the first eight digits',
      ],
      ['deny FINGERPRINT', 'refuse a waiting or approved key for one day'],
      [
        'add [NAME]',
        'issue a certificate for NAME.d.wott.local (without NAME, a random name) and write ca.crt, client.crt, client.key and combined.pem to DIR/devices/NAME/. Prints the WoTT ID and the folder; standard error shows until when the certificate is valid, what the ACL file allows, and a command to try',
      ],
      [
        'renew ID',
        'issue a new certificate and key for a device (WoTT ID or name), replacing the files in its folder; its current certificate stays valid until it expires',
      ],
      [
        'revoke ID',
        'revoke all certificates of a device (WoTT ID or name) and withdraw its invites; a running gateway closes its connections',
      ],
      [
        'list',
        'list every device with its last certificate and its state: invited, waiting, approved, active, expired, revoked, or untrusted (its CA has been removed)',
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
