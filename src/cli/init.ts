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
    help: 'a further name or address under which devices reach the gateway; may be given again',
  },
} as const satisfies Flags

export const init: CliCommand = {
  help: helpText({
    usage: ['init [DIR] [OPTIONS]'],
    about: [
      `Makes, in DIR (${USUAL_DIRECTORY}), a device CA, the gateway's certificate, two devices (sensor, which may write wott/temperature, and subscriber, which may read it) and the ACL file permission.acl. What is there stays as it is; with a --name that it lacks, the gateway's certificate is issued anew.`,
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
      print(`issued ${layout.certs.certificate} anew, now also for ${added.join(', ')}`)
    const host = created.length > 0 ? nameForOthers(await readOwn(layout.certs)) : null
    if (host !== null) print(`other machines reach it as ${host}`)
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
