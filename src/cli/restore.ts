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
      'Restores a backup as the store of a stopped gateway. FILE is checked first and is not changed. Nothing is overwritten: move a store that is not empty away first. Streams and sessions continue from the time of the backup; streams that were further get a gap event.',
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
    if (!exists(file)) throw new UsageError(`${file}: no such file`)
    if ((await askOwner(directory, 'info')) !== null)
      throw new UsageError(`a gateway is running with ${directory}: stop it first`)
    const { restoreStore } = await import('../broker/store/sqlite-restore.ts')
    await restoreStore(file, directory)
    print(directory)
    return undefined
  },
}
