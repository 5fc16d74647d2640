import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import type { readArguments } from './command.ts'

/** A device for trying things: which certificate it shows, to which gateway, over what. */
export interface Client {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
  readonly host: string
  /** `https` on the device door or `mqtt` on the mqtt door. */
  readonly via: 'https' | 'mqtt'
  readonly port: number
}

export const CLIENT_OPTIONS = {
  certs: { type: 'string' },
  host: { type: 'string', short: 'h', default: 'localhost' },
  port: { type: 'string', short: 'p' },
  via: { type: 'string' },
} as const

export const CLIENT_HELP = `  --certs DIR  the device's ca.crt, client.crt and client.key
  --host NAME  the gateway, by a name in its certificate [localhost]
  --port N     its port [8443 for https, 8883 for mqtt]
  --via HOW    https or mqtt`

const PORTS = { https: 8443, mqtt: 8883 } as const

type Values = ReturnType<typeof readArguments<typeof CLIENT_OPTIONS>>['values']

/** `sample` is the device of a fresh `.wott/` that stands in when no directory is named. */
export async function openClient(
  values: Values,
  sample: 'sensor' | 'subscriber',
  usual: Client['via'],
): Promise<Client> {
  const { via = usual, host, port } = values
  if (via !== 'https' && via !== 'mqtt')
    throw new UsageError(`--via must be https or mqtt, not "${via}"`)
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) > 0 && Number(port) < 65_536))
    throw new UsageError(`--port must be a whole number from 1 to 65535, not "${port}"`)
  const directory = values.certs ?? certsDirectory(sample)
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'client.crt', 'client.key'].map((file) =>
      readCertificateFile(join(directory, file)),
    ),
  )
  return {
    ca,
    cert,
    key,
    host,
    via,
    port: port === undefined ? PORTS[via] : Number(port),
  } as Client
}

/** What `--certs` means when it is not said: the WoTT agent's folder, or a sample device made by `dev`. */
export function certsDirectory(sample: string): string {
  const made = join('.wott', 'devices', sample)
  return process.env.WOTT_CERTS_DIR || (existsSync(made) ? made : '/opt/wott/certs')
}

export async function readCertificateFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new UsageError(
      `${path}: ${why}; name the device's folder with --certs DIR (npm start makes .wott/devices/sensor)`,
    )
  }
}

/** The CN of a PEM certificate. */
export function commonName(certificate: Buffer, path: string): string {
  let name: string | string[] | undefined
  try {
    name = new X509Certificate(certificate).toLegacyObject().subject?.CN
  } catch {
    throw new UsageError(`${path}: there is no PEM certificate in this file`)
  }
  if (typeof name === 'string') return name
  throw new UsageError(
    `${path}: the certificate's subject must have one CN, and has ${name?.length ?? 'none'}`,
  )
}

/** What a TLS or network error means to the person at the keyboard. */
export function toUsageError(error: unknown, { host, port, via }: Client): Error {
  const at = `${host}:${port}`
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return new UsageError(`nothing listens on ${at} (${via}); is the gateway running?`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(`there is no host ${host}`)
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return new UsageError(`the certificate of ${at} is for another name: ${messageOf(error)}`)
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return new UsageError(`the certificate of ${at} does not descend from the CA in ca.crt`)
    default:
      return error instanceof Error && codeOf(error) !== undefined
        ? new UsageError(`${at}: ${messageOf(error)}`)
        : (error as Error)
  }
}
