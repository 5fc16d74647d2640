import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { helpText } from './help.ts'
import { askOwner, STORE, whichStore } from './store-folder.ts'

export const restore: CliCommand = {
  help: helpText({
    usage: ['restore FILE [--store DIR]'],
    about: [
      'Makes a backup the store of a gateway that does not run. FILE is checked first, and stays as it is. Nothing is overwritten: a store with something in it has to be moved away before. Streams and sessions go on from where the backup was made; streams that were further are told of a gap.',
    ],
    flags: { store: STORE },
    examples: [
      'wott-gateway restore /backup/broker.sqlite',
      'wott-gateway restore nightly.sqlite --store /var/lib/wott-gateway',
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, { store: STORE })
    requireWords(words, ['FILE'])
    const [file = ''] = words
    const directory = whichStore(values.store)
    if (!exists(file)) throw new UsageError(`${file}: there is no such file`)
    if ((await askOwner(directory, 'info')) !== null)
      throw new UsageError(`a gateway runs with ${directory}: stop it first`)
    const { restoreStore } = await import('../broker/store/sqlite-restore.ts')
    await restoreStore(file, directory)
    print(directory)
    return undefined
  },
}
