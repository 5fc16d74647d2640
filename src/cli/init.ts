import { initDirectory } from '../ca/init.ts'
import { type Command, print, readArguments, requireWords } from './command.ts'

export const init: Command = {
  help: `Usage: wott-gateway init [DIR] [--name HOST_OR_IP]...

Makes, in DIR (.wott), a device CA, the gateway's certificate, two devices (sensor, which may write
wott/temperature, and subscriber, which may read it) and the ACL file permission.acl. What is there
stays as it is.

Options:
  --name HOST_OR_IP  a further name or address under which devices reach the gateway`,
  async run(args) {
    const { values, positionals } = readArguments(args, {
      name: { type: 'string', multiple: true },
    })
    requireWords(positionals, 0, 1, 'wott-gateway init [DIR] [--name HOST_OR_IP]...')
    const [directory = '.wott'] = positionals
    const { layout, created } = await initDirectory(directory, { names: values.name ?? [] })
    if (created.length === 0) print(`${directory} is complete; nothing was changed`)
    for (const path of created) print(`made ${path}`)
    print(
      `run it with: wott-gateway serve --certs-dir ${layout.certs.directory} --crl-file ${layout.authority.crl} --acl-file ${layout.acl}`,
    )
    return undefined
  },
}
