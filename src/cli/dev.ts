import { join } from 'node:path'
import { initDirectory } from '../ca/init.ts'
import { renewExpiring } from '../ca/renew.ts'
import { SAMPLE_VIEWER } from '../ca/sample-acl.ts'
import { loadConfig } from '../config/load.ts'
import { inviteViewer } from '../viewer/invite.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { inDirectory, USUAL_DIRECTORY, viewersFileOf } from './directory.ts'
import { helpText } from './help.ts'
import { runEnroller } from './run-enroller.ts'
import { runGateway } from './serve.ts'
import { flagForFile, SETTING_FLAGS, settingsIn } from './settings.ts'
import { stopSignal } from './signals.ts'
import { thingsToTry } from './things-to-try.ts'

const VIEWER_LASTS = 12 * 3_600_000

export const dev: CliCommand = {
  help: helpText({
    usage: ['dev [SETTINGS]'],
    about: [
      `Creates ${USUAL_DIRECTORY}/ (a device CA, the gateway's certificate, two devices and an ACL file) if it does not exist, runs the gateway and the enrol door with it, and prints commands to try. "npm start" runs this command.`,
      'Takes the same settings as serve, as flags and environment variables, except that certificates and the ACL file can only be set with flags.',
    ],
    examples: ['wott-gateway dev', 'wott-gateway dev --device-listen :18443 --viewer-listen off'],
  }),
  outlivesReader: true,
  async run(args) {
    const stop = stopSignal()
    const { values, words } = readArguments(args, SETTING_FLAGS)
    requireNoWords(words, flagForFile(words[0]))
    const flags = settingsIn(values)
    // reports wrong settings before anything is made
    loadConfig(process.env, { aclFile: USUAL_DIRECTORY, ...flags })
    const { layout, created } = await inDirectory(USUAL_DIRECTORY, () =>
      initDirectory(USUAL_DIRECTORY),
    )
    if (created.length > 0) print(`made ${created.join(', ')}`)
    const renewed = await inDirectory(USUAL_DIRECTORY, () => renewExpiring(USUAL_DIRECTORY))
    for (const { id, notAfter } of renewed)
      print(`renewed the certificate of ${id}, now valid until ${new Date(notAfter).toISOString()}`)
    const own = {
      WOTT_BROKER: `file:${join(USUAL_DIRECTORY, 'data')}`,
      WOTT_VIEWERS_FILE: viewersFileOf(USUAL_DIRECTORY),
    }
    const config = loadConfig(
      { ...own, ...process.env },
      {
        certsDir: layout.certs.directory,
        crlFile: layout.authority.crl,
        aclFile: layout.acl,
        ...flags,
      },
    )
    await runGateway(config, stop, async (gateway, log) => {
      // only once every door is open, so that a failed start leaves no invite behind
      const code = gateway.doors.viewer
        ? await inviteViewer(config.access.viewersFile, SAMPLE_VIEWER, VIEWER_LASTS)
        : ''
      const lines = thingsToTry(gateway, layout, code, config.doors.enrol)
      if (lines !== '') print(`\n${lines}\n`)
      if (config.doors.enrol === null) return { ended: Promise.resolve() }
      return { ended: runEnroller(USUAL_DIRECTORY, flags, stop, log) }
    })
    return undefined
  },
}
