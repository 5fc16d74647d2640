import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { ArgumentsError, readArguments, requireWords } from './arguments.ts'
import { certificateIn, certsDirectory, readClientFile } from './client.ts'
import { type Command, print } from './command.ts'
import { helpText } from './help.ts'

export const whoami: Command = {
  help: helpText({
    usage: ['whoami [DIR]'],
    about: [
      'Prints the WoTT ID of the certificate (client.crt) in DIR, by default WOTT_CERTS_DIR, else .wott/devices/sensor, else /opt/wott/certs.',
    ],
    examples: ['wott-gateway whoami', 'wott-gateway whoami .wott/devices/subscriber'],
  }),
  async run(args) {
    const { words } = readArguments(args, {})
    requireWords(words, [], ['DIR'])
    if (words[0] === '') throw new ArgumentsError('DIR must not be empty')
    const path = join(words[0] ?? certsDirectory('sensor'), 'client.crt')
    const certificate = certificateIn(
      await readClientFile(path, 'name the folder of a device: wott-gateway whoami DIR'),
      path,
    )
    const name: string | string[] | undefined = certificate.toLegacyObject().subject?.CN
    if (typeof name !== 'string')
      throw new UsageError(
        `${path}: the certificate's subject must have one CN, and has ${name?.length ?? 'none'}`,
      )
    print(name)
    return undefined
  },
}
