import { open, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { moveFile, UNFINISHED_PREFIX } from '../disk/files.ts'
import { UsageError } from '../errors.ts'
import { readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { helpText } from './help.ts'
import { askOwner, STORE, whichStore } from './store-folder.ts'

export const backup: CliCommand = {
  help: helpText({
    usage: ['backup FILE [--store DIR]'],
    about: [
      'Writes a consistent copy of the store to FILE: all messages, sessions with their queues, and retained messages. A running gateway makes the copy itself and keeps working; its folder needs free space for the copy. Only the owner can read FILE. An older backup with this name is replaced when the new one is complete.',
      'The certificates, the ACL file and the viewers file are not part of the backup.',
    ],
    flags: { store: STORE },
    examples: [
      'wott-gateway backup /backup/broker.sqlite',
      'wott-gateway backup nightly.sqlite --store /var/lib/wott-gateway',
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, { store: STORE })
    requireWords(words, ['FILE'])
    const [file = ''] = words
    const directory = whichStore(values.store)
    await requireReplaceable(file)
    await writeBackup(directory, file)
    print(file)
    return undefined
  },
}

async function writeBackup(directory: string, file: string): Promise<void> {
  const made = await askOwner<{ file: string }>(directory, 'backup')
  const copy = made?.file ?? join(dirname(file), UNFINISHED_PREFIX + basename(file))
  try {
    if (!made) {
      await rm(copy, { force: true })
      const { copyStoppedStore } = await import('../broker/store/sqlite-stopped.ts')
      await copyStoppedStore(directory, copy)
    }
    await moveFile(copy, file)
  } catch (error) {
    await rm(copy, { force: true })
    throw error
  }
}

/** The position and value of SQLite's application id in a store. */
const ID = { offset: 68, text: 'wott' } as const

/** Stops a mistyped name from overwriting another file. */
async function requireReplaceable(file: string): Promise<void> {
  const folder = dirname(file)
  if (!exists(folder)) throw new UsageError(`the folder ${folder} does not exist`)
  if (!exists(file)) return
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, ID.offset)
  if (bytesRead === 4 && buffer.toString('latin1') === ID.text) return
  throw new UsageError(`${file} exists and is not a backup: name another file, or delete it`)
}
