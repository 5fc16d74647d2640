import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import { toDeviceId } from '../../src/ca/device-id.ts'
import { issue } from '../../src/ca/issue.ts'
import type { Layout } from '../../src/ca/layout.ts'
import { openAuthority, recordIssued } from '../../src/ca/signing.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { type Config, loadConfig } from '../../src/config/load.ts'
import type { SettingName } from '../../src/config/schema.ts'
import { inviteDevice } from '../../src/enrol/operator.ts'
import { type Enroller, openEnroller } from '../../src/enroller.ts'
import { openssl } from '../ca/openssl.ts'
import { initialisedDirectory } from '../ca/temporary.ts'
import { type CollectedLog, collectLog } from '../support/log.ts'

/** A certificate and its key, PEM. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asking extends Pick<RequestOptions, 'headers' | 'maxVersion' | 'localAddress'> {
  /** The client certificate. */
  readonly as?: Pair | undefined
  readonly body?: string | Buffer
  /** By default POST with a body, GET without. */
  readonly method?: string
  /** Sends `NAME:TOKEN` as HTTP Basic credentials. */
  readonly basic?: string
}

/** An enrol door on a free loopback port, with its own directory. */
export interface EnrolSite extends AsyncDisposable, CollectedLog {
  readonly path: string
  readonly layout: Layout
  readonly port: number
  readonly url: string
  readonly ca: string
  /** The value of one sample of its metrics; undefined when absent. */
  metric(sample: string): Promise<number | undefined>
  ask(path: string, asking?: Asking): Promise<Answer>
  /** Makes an invite, and returns its token. */
  invite(name: string, lasts?: number): Promise<string>
  /** Makes a key and a certificate request with openssl. */
  request(name: string | null, options?: RequestFor): Promise<KeyAndRequest>
  /** Invites and enrols a device. */
  enrolled(name: string): Promise<Pair>
  /** Adds a device to the ledger whose certificate, valid for 30 days, expired so many days ago. */
  expired(name: string, daysAgo: number): Promise<Pair & { readonly serial: string }>
  /** All lines of the ledger. */
  ledger(): Promise<Record<string, unknown>[]>
  /** Reads the certificate files again, and waits until they are in force. */
  reload(): Promise<void>
  /** Closes the door and opens it again, perhaps on another port. */
  restart(): Promise<void>
}

export interface RequestFor {
  /** A subject in the form of `-subj`, instead of only the name. */
  readonly subject?: string
  /** Arguments of `openssl req` or `openssl genpkey`. */
  readonly req?: readonly string[]
  readonly key?: readonly string[]
  /** The file of an existing key. */
  readonly keyFile?: string
}

export interface KeyAndRequest {
  readonly key: string
  readonly keyFile: string
  /** PEM. */
  readonly csr: string
  readonly csrFile: string
}

export interface SiteOptions {
  readonly settings?: Partial<Record<SettingName, string>>
  /** May be fractions of days. */
  readonly days?: number
}

export const PEM = { accept: 'application/pem-certificate-chain' }
export const ENROL = '/.well-known/est/simpleenroll'
export const RENEW = '/.well-known/est/simplereenroll'
export const CACERTS = '/.well-known/est/cacerts'

export async function startEnrolSite({
  settings = {},
  days,
}: SiteOptions = {}): Promise<EnrolSite> {
  const directory = await initialisedDirectory()
  const { path, layout } = directory
  const collected = collectLog()
  const loopback = '127.0.0.1:0'
  const read = loadConfig(
    {},
    {
      certsDir: layout.certs.directory,
      aclFile: layout.acl,
      enrolListen: loopback,
      enrolOpsListen: loopback,
      drainSeconds: '1',
      ...settings,
    },
  )
  const config: Config = days === undefined ? read : { ...read, enrol: { ...read.enrol, days } }
  const ca = await readFile(layout.authority.certificate, 'utf8')
  let enroller: Enroller = await openEnroller(path, config, collected.log)
  let keys = 0

  const site: EnrolSite = {
    path,
    layout,
    ca,
    ...collected,
    get port() {
      return enroller.doors.enrol?.port ?? 0
    },
    get url() {
      return `https://localhost:${site.port}`
    },
    async metric(sample) {
      const url = `http://127.0.0.1:${enroller.doors['enrol-ops']?.port}/metrics`
      const text = await (await fetch(url)).text()
      const line = text.split('\n').find((found) => found.startsWith(`${sample} `))
      return line === undefined ? undefined : Number(line.slice(sample.length + 1))
    },
    ask: (to, asking = {}) => ask(site, to, asking),
    async invite(name, lasts = 3_600_000) {
      return (await inviteDevice(path, name, lasts)).token
    },
    async request(name, { subject, req = [], key = EC_KEY, keyFile: known } = {}) {
      keys += 1
      const keyFile = known ?? join(path, `key${keys}.pem`)
      const csrFile = join(path, `request${keys}.pem`)
      if (known === undefined) await must('genpkey', ...key, '-out', keyFile)
      const asked = subject ?? (name === null ? '/O=WoTT' : `/CN=${name}`)
      await must('req', '-new', '-key', keyFile, '-subj', asked, '-out', csrFile, ...req)
      const [pem, csr] = await Promise.all([readFile(keyFile, 'utf8'), readFile(csrFile, 'utf8')])
      return { key: pem, keyFile, csr, csrFile }
    },
    async enrolled(name) {
      const token = await site.invite(name)
      const { csr, key } = await site.request(null)
      const answer = await site.ask(ENROL, { basic: `${name}:${token}`, body: csr, headers: PEM })
      assert.equal(answer.status, 200, answer.body)
      return { certificate: answer.body, key }
    },
    async expired(name, daysAgo) {
      const id = toDeviceId(name)
      const notBefore = Date.now() - (30 + daysAgo) * DAY_MS
      const authority = await openAuthority(layout)
      const issued = await issue(authority, { commonName: id, days: 30, notBefore })
      await recordIssued(layout, { id, via: 'invite' }, issued, notBefore)
      return issued
    },
    async ledger() {
      const text = await readFile(layout.authority.ledger, 'utf8')
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    },
    reload: () => enroller.reload(),
    async restart() {
      await enroller[Symbol.asyncDispose]()
      enroller = await openEnroller(path, config, collected.log)
    },
    async [Symbol.asyncDispose]() {
      await enroller[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
  return site
}

const EC_KEY = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] as const

async function must(...args: readonly string[]): Promise<void> {
  const { code, output } = await openssl(...args)
  assert.equal(code, 0, output)
}

function ask({ port, ca }: EnrolSite, path: string, asking: Asking): Promise<Answer> {
  const { as, body, basic, headers, method, ...tls } = asking
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        ca,
        servername: 'localhost',
        agent: false,
        ...tls,
        ...(as ? { cert: as.certificate, key: as.key } : {}),
        ...(basic === undefined ? {} : { auth: basic }),
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Runs a program in `cwd`, and returns its exit code and output. Rejects where it is not installed. */
export function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env: { ...process.env, LC_ALL: 'C' } }, (error, out, err) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), output: out + err })
    })
  })
}
