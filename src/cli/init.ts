import { nameForOthers } from '../ca/gateway-names.ts'
import { initDirectory } from '../ca/init.ts'
import { readOwn } from '../ca/read-certificate.ts'
import { type Flags, readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { inDirectory, shellWord, USUAL_DIRECTORY, viewersFileOf } from './directory.ts'
import { helpText } from './help.ts'

const FLAGS = {
  name: {
    type: 'string',
    multiple: true,
    value: 'HOST_OR_IP',
    help: 'additional host name or address of the gateway, for its certificate; can be repeated',
  },
} as const satisfies Flags

export const init: CliCommand = {
  help: helpText({
    usage: ['init [DIR] [OPTIONS]'],
    about: [
      `Creates in DIR (default ${USUAL_DIRECTORY}) a device CA, the gateway's certificate, two devices (sensor may write wott/temperature, subscriber may read it) and the ACL file permission.acl. Existing files stay as they are; only a new --name makes it issue the gateway's certificate again.`,
    ],
    flags: FLAGS,
    examples: [
      'wott-gateway init',
      'wott-gateway init ./site --name gateway.example.com --name 192.0.2.7',
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, [], ['DIR'])
    const [directory = USUAL_DIRECTORY] = words
    const { layout, created, added } = await inDirectory(directory, () =>
      initDirectory(directory, { names: values.name }),
    )
    if (created.length + added.length === 0) print(`${directory} is complete; nothing was changed`)
    for (const path of created) print(`made ${path}`)
    if (added.length > 0)
      print(`issued ${layout.certs.certificate} again, now also for ${added.join(', ')}`)
    const host = created.length > 0 ? nameForOthers(await readOwn(layout.certs)) : null
    if (host !== null) print(`other machines can reach the gateway as ${host}`)
    const settings = [
      ...['--certs-dir', layout.certs.directory],
      ...['--crl-file', layout.authority.crl],
      ...['--acl-file', layout.acl],
      ...['--viewers-file', viewersFileOf(directory)],
    ]
    print(`run it with: wott-gateway serve ${settings.map(shellWord).join(' ')}`)
    return undefined
  },
}
