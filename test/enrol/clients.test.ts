import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { approveKey, listWaiting } from '../../src/enrol/waiting-keys.ts'
import { CACERTS, ENROL, type EnrolSite, RENEW, runProgram, startEnrolSite } from './site.ts'

// the clients that people use: strongSwan's EST client, and curl with openssl

let site: EnrolSite
let caFile: string
before(async () => {
  site = await startEnrolSite()
  caFile = site.layout.authority.certificate
})
after(() => site[Symbol.asyncDispose]())

/** Runs a shell command that must succeed, and returns its output. */
async function shell(line: string, variables: Record<string, string> = {}): Promise<string> {
  const set = Object.entries(variables).map(([name, value]) => `${name}='${value}'; `)
  const script = `set -euo pipefail; ${set.join('')}${line}`
  const { code, output } = await runProgram('bash', ['-c', script], site.path)
  assert.equal(code, 0, output)
  return output
}

async function nameIn(file: string): Promise<string | undefined> {
  return new X509Certificate(await readFile(join(site.path, file))).subject
}

describe("strongSwan's pki", () => {
  it('fetches the CA', async () => {
    await shell(
      `pki --estca --url ${site.url} --cacert ${caFile} --caout strongswan-ca --outform pem`,
    )
    const fetched = await readFile(join(site.path, 'strongswan-ca.pem'), 'utf8')
    assert.equal(
      new X509Certificate(fetched).fingerprint256,
      new X509Certificate(site.ca).fingerprint256,
    )
  })

  it('enrols with an invite, and renews with its certificate and a new key', async () => {
    const TOKEN = await site.invite('swan')
    const variables = { TOKEN, URL: site.url, CA: caFile }
    await shell(
      `pki --gen --type ecdsa --size 256 --outform pem > swan.key
      pki --req --type priv --in swan.key --dn CN=swan.d.wott.local --san swan.d.wott.local --outform pem > swan.csr
      pki --est --url $URL --cacert $CA --in swan.csr --userpass swan:$TOKEN --outform pem > swan.crt`,
      variables,
    )
    assert.equal(await nameIn('swan.crt'), 'CN=swan.d.wott.local')
    await shell(
      `pki --gen --type ecdsa --size 256 --outform pem > swan2.key
      pki --req --type priv --in swan2.key --dn CN=swan.d.wott.local --outform pem > swan2.csr
      pki --est --url $URL --cacert $CA --in swan2.csr --cert swan.crt --key swan.key --outform pem > swan2.crt`,
      variables,
    )
    assert.equal(await nameIn('swan2.crt'), 'CN=swan.d.wott.local')
  })

  it('gets a certificate once an operator has approved its key', async () => {
    const variables = { URL: site.url, CA: caFile }
    await shell(
      `pki --gen --type ecdsa --size 256 --outform pem > heron.key
      pki --req --type priv --in heron.key --dn CN=heron.d.wott.local --outform pem > heron.csr`,
    )
    const ask = ['--est', '--url', site.url, '--cacert', caFile, '--in', 'heron.csr']
    // pki would try again after the 60 seconds of Retry-After
    const first = spawn('pki', ask, { cwd: site.path, stdio: 'ignore' })
    const ended = once(first, 'exit')
    await site.logged(({ msg }) => msg === 'a key waits for approval')
    first.kill()
    await ended
    const [waiting] = await listWaiting(site.path)
    await approveKey(site.path, waiting?.key ?? '')
    await shell(
      'pki --est --url $URL --cacert $CA --in heron.csr --outform pem > heron.crt',
      variables,
    )
    assert.equal(await nameIn('heron.crt'), 'CN=heron.d.wott.local')
  })
})

describe('curl and openssl', () => {
  const MAKE_REQUEST = `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$NAME.d.wott.local -keyout $NAME.key`
  const CURL = 'curl -sS --fail-with-body --cacert $CA'

  it('enrol and renew in PEM', async () => {
    const TOKEN = await site.invite('curl')
    const variables = { TOKEN, NAME: 'curl', URL: site.url, CA: caFile }
    await shell(
      `ASK="-H Accept:application/pem-certificate-chain -H Content-Type:application/pkcs10 --data-binary @curl.csr"
      ${MAKE_REQUEST} -out curl.csr 2>&1
      ${CURL} -u curl:$TOKEN $ASK $URL${ENROL} -o curl.crt
      ${CURL} --cert curl.crt --key curl.key $ASK $URL${RENEW} -o curl2.crt
      openssl verify -CAfile $CA curl.crt curl2.crt`,
      variables,
    )
    assert.equal(await nameIn('curl2.crt'), 'CN=curl.d.wott.local')
  })

  it('enrol and renew with PKCS #7 (RFC 7030)', async () => {
    const TOKEN = await site.invite('pkcs7')
    const output = await shell(
      `ASK="-H Content-Type:application/pkcs10 --data-binary @pkcs7.b64"
      p7() { base64 -d | openssl pkcs7 -inform DER -print_certs; }
      ${MAKE_REQUEST} -outform DER 2>/dev/null | base64 > pkcs7.b64
      ${CURL} -H "Authorization: Bearer $TOKEN" $ASK $URL${ENROL} | p7 > pkcs7.crt
      ${CURL} --cert pkcs7.crt --key pkcs7.key $ASK $URL${RENEW} | p7 > pkcs7-2.crt
      ${CURL} $URL${CACERTS} | p7 > pkcs7-ca.crt
      openssl verify -CAfile pkcs7-ca.crt pkcs7.crt pkcs7-2.crt
      ${CURL} $URL/.well-known/est/csrattrs | base64 -d | openssl asn1parse -inform DER`,
      { TOKEN, NAME: 'pkcs7', URL: site.url, CA: caFile },
    )
    assert.match(output, /pkcs7-2\.crt: OK/)
    assert.match(output, /prime256v1/)
  })

  it('are refused with a sentence that gives the reason', async () => {
    await writeFile(join(site.path, 'none.csr'), (await site.request('none')).csr)
    const { code, output } = await runProgram(
      'curl',
      [
        '-sS',
        '--fail-with-body',
        '--cacert',
        caFile,
        '-u',
        'none:wrong',
        '--data-binary',
        '@none.csr',
        site.url + ENROL,
      ],
      site.path,
    )
    assert.equal(code, 22)
    assert.match(output, /This invite is not valid/)
  })

  for (const [version, cipher] of [
    ['1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['1.3', 'DEFAULT'],
  ])
    it(`can connect with TLS ${version}, HTTP/1.1 and no ALPN`, async () => {
      const output = await shell(
        `${CURL} --tlsv${version} --tls-max ${version} --ciphers ${cipher} --http1.1 --no-alpn $URL/ca.crt`,
        { URL: site.url, CA: caFile },
      )
      assert.equal(output, site.ca)
    })
})
