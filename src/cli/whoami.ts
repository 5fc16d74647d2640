import { join } from 'node:path'
import type { Pattern } from '../config/pattern.ts'
import { environmentName, SETTINGS } from '../config/schema.ts'
import { GatewayError, messageOf, UsageError } from '../errors.ts'
import { NOT_YET_VALID, toIdentity } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { ArgumentsError, readArguments, requireWords } from './arguments.ts'
import { certificateIn, certsDirectory, readClientFile } from './client.ts'
import { type CliCommand, CommandFailure, print } from './command.ts'
import { helpText } from './help.ts'

export const whoami: CliCommand = {
  help: helpText({
    usage: ['whoami [DIR]'],
    about: [
      'Prints the WoTT ID of the certificate client.crt in DIR (default: WOTT_CERTS_DIR, else .wott/devices/sensor, else /opt/wott/certs).',
      'If the gateway would refuse the certificate, because it has expired or its CN is not a valid WoTT ID (WOTT_ID_PATTERN), the exit code is 1 and the reason is printed. This command cannot see whether the certificate is revoked.',
    ],
    examples: ['wott-gateway whoami', 'wott-gateway whoami .wott/devices/subscriber'],
  }),
  async run(args) {
    const { words } = readArguments(args, {})
    requireWords(words, [], ['DIR'])
    if (words[0] === '') throw new ArgumentsError('DIR must not be empty')
    const path = join(words[0] ?? certsDirectory('sensor'), 'client.crt')
    const pem = await readClientFile(path, 'name the folder of a device: wott-gateway whoami DIR')
    const certificate = certificateIn(pem, path)
    const rules = { pattern: idPattern() }
    const objection = certificate.validFromDate > new Date() ? { reason: NOT_YET_VALID } : null
    const peer = { certificate: certificate.toLegacyObject(), objection }
    // the identity is shown even if it is not valid now
    const { id } = accepted(toIdentity({ ...peer, objection: null }, { ...rules, now: () => 0 }))
    print(id)
    accepted(toIdentity(peer, rules))
    return undefined
  },
}

/** Throws a CommandFailure with the gateway's refusal. */
function accepted(identity: Identity | GatewayError): Identity {
  if (identity instanceof GatewayError)
    throw new CommandFailure(
      `the gateway would refuse this certificate: ${identity.message} (${identity.code})`,
    )
  return identity
}

function idPattern(): Pattern {
  const { parse, fallback } = SETTINGS.idPattern
  const variable = environmentName('idPattern')
  try {
    return parse((process.env[variable] || fallback) ?? '')
  } catch (error) {
    throw new UsageError(`${variable} ${messageOf(error)}`)
  }
}
