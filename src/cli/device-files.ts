import { addDevice, renewDevice } from '../ca/devices.ts'
import { readArguments, requireWords, wholeNumber } from './arguments.ts'
import { print } from './command.ts'
import { DAYS, DIR } from './device-flags.ts'
import { inDirectory } from './directory.ts'

export async function add(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, days: DAYS })
  requireWords(words, [], ['NAME'])
  const days = wholeNumber('--days', values.days, 1, 3650)
  const added = await inDirectory(values.dir, () => addDevice(values.dir, words[0], { days }))
  print(`${added.id}\t${added.directory}`)
}

export async function renew(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, days: DAYS })
  requireWords(words, ['ID'])
  const [name = ''] = words
  const days = wholeNumber('--days', values.days, 1, 3650)
  const renewed = await inDirectory(values.dir, () => renewDevice(values.dir, name, { days }))
  print(`${renewed.id}\t${renewed.directory}`)
}
