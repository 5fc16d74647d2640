import { join } from 'node:path'
import { certsDirectory, commonName, readCertificateFile } from './client.ts'
import { type Command, print, readArguments, requireWords } from './command.ts'

export const whoami: Command = {
  help: `Usage: wott-gateway whoami [DIR]

Prints the WoTT ID of the certificate (client.crt) in DIR, by default WOTT_CERTS_DIR, else
.wott/devices/sensor, else /opt/wott/certs.`,
  async run(args) {
    const { positionals } = readArguments(args, {})
    requireWords(positionals, 0, 1, 'wott-gateway whoami [DIR]')
    const path = join(positionals[0] ?? certsDirectory('sensor'), 'client.crt')
    print(commonName(await readCertificateFile(path), path))
    return undefined
  },
}
