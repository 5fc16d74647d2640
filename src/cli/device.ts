import { addDevice, type Device, listDevices, revokeDevice } from '../ca/devices.ts'
import { UsageError } from '../errors.ts'
import { type Command, print, readArguments, requireWords } from './command.ts'

const USAGE = 'wott-gateway device add [NAME] | revoke ID | list'

export const device: Command = {
  help: `Usage: ${USAGE}

  add [NAME]   issue a certificate to NAME.d.wott.local (a random name if none is given),
               in DIR/devices/NAME/: ca.crt, client.crt, client.key and combined.pem
  revoke ID    put the certificates of a device, by WoTT ID or name, on the revocation list;
               a gateway that runs with it ends the device's connections
  list         every device with the end of its certificate

Options:
  --dir DIR    where init made the CA [.wott]
  --days N     add: how long the certificate is valid [365]
  --json       list: one JSON object a line`,
  async run(args) {
    const { values, positionals } = readArguments(args, {
      dir: { type: 'string', default: '.wott' },
      days: { type: 'string', default: '365' },
      json: { type: 'boolean', default: false },
    })
    const [action, name] = positionals
    if (action === 'add') {
      requireWords(positionals, 1, 2, USAGE)
      const added = await addDevice(values.dir, name, { days: Number(values.days) })
      print(`${added.id}\t${added.directory}`)
    } else if (action === 'revoke') {
      requireWords(positionals, 2, 2, USAGE)
      const { id, serials } = await revokeDevice(values.dir, name as string)
      print(
        serials.length === 0 ? `${id} was revoked before` : `revoked ${id} (${serials.join(', ')})`,
      )
    } else if (action === 'list') {
      requireWords(positionals, 1, 1, USAGE)
      for (const entry of await listDevices(values.dir))
        print(values.json ? toJson(entry) : toLine(entry))
    } else throw new UsageError(`usage: ${USAGE}`)
    return undefined
  },
}

function toLine({ id, notAfter, revokedAt }: Device): string {
  const state =
    revokedAt !== null
      ? `revoked ${new Date(revokedAt).toISOString()}`
      : `${notAfter > Date.now() ? 'valid until' : 'expired'} ${new Date(notAfter).toISOString()}`
  return `${id}\t${state}`
}

function toJson({ id, name, directory, serial, notAfter, revokedAt }: Device): string {
  return JSON.stringify({
    ...{ id, name, directory, serial },
    notAfter: new Date(notAfter).toISOString(),
    revokedAt: revokedAt === null ? null : new Date(revokedAt).toISOString(),
  })
}
