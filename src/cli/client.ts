import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { UsageError, whyUnreadable } from '../errors.ts'
import { ArgumentsError, type ArgumentValues, type Flags, wholeNumber } from './arguments.ts'

/** The device that a command acts as: its certificate, the gateway and the protocol. */
export interface DeviceClient {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
  readonly host: string
  /** `https` on the device door or `mqtt` on the mqtt door. */
  readonly via: 'https' | 'mqtt'
  readonly port: number
}

const CLIENT_FLAGS = {
  certs: {
    type: 'string',
    value: 'DIR',
    help: "folder with the device's ca.crt, client.crt and client.key",
  },
  host: {
    type: 'string',
    value: 'NAME',
    default: 'localhost',
    help: 'host name or address of the gateway, as in its certificate',
  },
  port: { type: 'string', value: 'N', help: 'port of the gateway [8443 for https, 8883 for mqtt]' },
} as const satisfies Flags

/** The flags of a client; the default protocol is `usual`, and the default device is `sample`. */
export function clientFlags<const V extends DeviceClient['via']>(usual: V, sample: string) {
  const usually = `${CLIENT_FLAGS.certs.help} [WOTT_CERTS_DIR, else .wott/devices/${sample}, else ${AGENT_DIRECTORY}]`
  return {
    certs: { ...CLIENT_FLAGS.certs, help: usually },
    host: CLIENT_FLAGS.host,
    port: CLIENT_FLAGS.port,
    via: { type: 'string', value: 'HOW', default: usual, help: 'https or mqtt' },
  } as const satisfies Flags
}

const AGENT_DIRECTORY = '/opt/wott/certs'
const PORTS = { https: 8443, mqtt: 8883 } as const

/** `sample` is the device of a new `.wott/` that is used if no directory is given. */
export async function openClient(
  values: ArgumentValues<ReturnType<typeof clientFlags>>,
  sample: 'sensor' | 'subscriber',
): Promise<DeviceClient> {
  const { via, host, port } = values
  if (via !== 'https' && via !== 'mqtt')
    throw new ArgumentsError(`--via must be https or mqtt, not ${JSON.stringify(via)}`)
  const wanted = port === undefined ? PORTS[via] : wholeNumber('--port', port, 1, 65_535)
  const directory = values.certs ?? certsDirectory(sample)
  const read = (file: string) => readClientFile(join(directory, file), NAME_IT)
  // in turn, so that an error always names the first file that is missing
  const ca = await read('ca.crt')
  const cert = await read('client.crt')
  const key = await read('client.key')
  certificateIn(ca, join(directory, 'ca.crt'))
  requirePair(cert, join(directory, 'client.crt'), key, join(directory, 'client.key'))
  return { ca, cert, key, host, via, port: wanted }
}

/** The default of `--certs`: the WoTT agent's folder, or a sample device made by `dev`. */
export function certsDirectory(sample: string): string {
  const made = join('.wott', 'devices', sample)
  return process.env.WOTT_CERTS_DIR || (exists(made) ? made : AGENT_DIRECTORY)
}

const NAME_IT = 'name the device\'s folder with --certs DIR ("wott-gateway init" makes some)'

/** If the file cannot be read, throws a UsageError whose text ends in `advice`. */
export async function readClientFile(path: string, advice: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`${path}: ${whyUnreadable(error)}; ${advice}`)
  }
}

/** The first certificate of a PEM file. */
export function certificateIn(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new UsageError(`${path}: this file contains no PEM certificate`)
  }
}

function requirePair(cert: Buffer, certPath: string, key: Buffer, keyPath: string): void {
  const certificate = certificateIn(cert, certPath)
  let ours: boolean
  try {
    ours = certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    throw new UsageError(
      /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(key.toString('latin1'))
        ? `${keyPath}: the private key is encrypted; decrypt it first ("openssl pkey")`
        : `${keyPath}: this file contains no PEM private key`,
    )
  }
  if (!ours)
    throw new UsageError(
      `${keyPath}: this private key does not belong to the certificate in ${certPath}`,
    )
}
