import { isAllowed } from '../acl/decide.ts'
import type { Grant } from '../acl/grants.ts'
import { toDeviceId, toDeviceName } from '../ca/device-id.ts'
import type { Device } from '../ca/device-states.ts'
import { addDevice, renewDevice } from '../ca/devices.ts'
import { isGoodFor, nameForOthers } from '../ca/gateway-names.ts'
import { deviceFiles, type Layout, openLayout } from '../ca/layout.ts'
import { readOwn } from '../ca/read-certificate.ts'
import { loadRules } from './acl-file.ts'
import { readArguments, requireWords, wholeNumber } from './arguments.ts'
import { print, say } from './command.ts'
import { ALLOW, DAYS, DEVICE_ACL_FILE, DIR } from './device-flags.ts'
import { aclFileOf } from './device-invite.ts'
import { inDirectory, shellWord } from './directory.ts'
import { grantIn, grantsIn, type Rights, rightLines, rightsOf } from './rights.ts'

export async function add(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, {
    dir: DIR,
    days: DAYS,
    allow: ALLOW,
    'acl-file': DEVICE_ACL_FILE,
  })
  requireWords(words, [], ['NAME'])
  const [name] = words
  const days = wholeNumber('--days', values.days, 1, 3650)
  const grants = grantsIn(values.allow, ['readwrite', 'read', 'write'])
  await inDirectory(values.dir, async () => {
    const layout = openLayout(values.dir)
    const aclFile = aclFileOf(layout, values['acl-file'])
    const granting = grantIn(aclFile, grants, `device add${name === undefined ? '' : ` ${name}`}`)
    // checked before the device exists, so that no device is left without its rights; a random name always passes
    await granting.check(name === undefined ? 'somebody' : toDeviceId(name))
    const added = await addDevice(values.dir, name, { days })
    await granting.write(added.id)
    print(`${added.id}\t${added.directory}`)
    const rights = await rightsOf(aclFile, added.id)
    const lines = rightLines(added.id, rights, `readwrite ${toDeviceName(added.id)}/#`)
    say(`its certificate is valid until ${new Date(added.notAfter).toISOString()}`)
    for (const line of [...lines, 'Try it:', `  ${await tryOut(layout, added, rights)}`])
      process.stderr.write(`${line}\n`)
  })
}

/** A command line for a first try: it publishes if the device may, otherwise it asks who it is. */
async function tryOut(layout: Layout, { id }: Device, rights: Rights): Promise<string> {
  const { ca, certificate, key } = deviceFiles(layout, toDeviceName(id))
  const own = await readOwn(layout.certs)
  // the files are on this machine, so localhost is preferred
  const host = isGoodFor(own, 'localhost') ? 'localhost' : (nameForOthers(own) ?? 'localhost')
  const [, port = '8443'] = /:(\d{1,5})$/.exec(process.env.WOTT_DEVICE_LISTEN ?? '') ?? []
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  const topic = await topicFor(id, rights)
  const files = `--cacert ${shellWord(ca)} --cert ${shellWord(certificate)} --key ${shellWord(key)}`
  if (topic === null) return `curl ${files} ${origin}/whoami`
  const path = topic.split('/').map(encodeURIComponent).join('/')
  return `curl ${files} -d 21.5 ${shellWord(`${origin}/topics/${path}`)}`
}

/** A topic to which the device may publish. */
async function topicFor(id: string, { aclFile, may, problem }: Rights): Promise<string | null> {
  if (problem !== null) return null
  const rules = await loadRules(aclFile)
  const who = { user: id, clientId: id }
  const topics = may.filter(isForWriting).map(({ topic }) => topic.replace(/[+#]/g, 'temperature'))
  return (
    topics.find((topic) => !topic.startsWith('$') && isAllowed(rules, who, 'publish', topic)) ??
    null
  )
}

function isForWriting({ access }: Grant): boolean {
  return access === 'write' || access === 'readwrite'
}

export async function renew(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, days: DAYS })
  requireWords(words, ['ID'])
  const [name = ''] = words
  const days = wholeNumber('--days', values.days, 1, 3650)
  const renewed = await inDirectory(values.dir, () => renewDevice(values.dir, name, { days }))
  print(`${renewed.id}\t${renewed.directory}`)
}
