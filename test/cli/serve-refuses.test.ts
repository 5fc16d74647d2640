import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { initDirectory } from '../../src/ca/init.ts'
import { deviceFiles, type Layout } from '../../src/ca/layout.ts'
import { FREE_PORTS, NOBODY, type Options, ROOT_ONLY, run } from './program.ts'
import { createSite, type Site } from './site.ts'

let site: Site
before(async () => {
  site = await createSite()
})
after(() => site[Symbol.asyncDispose]())

describe('serve refuses to start with the reason, exit code 2, where', { concurrency: 2 }, () => {
  /** Asserts exactly `message` on standard error, and that nothing is left running. */
  async function refuses(args: string[], message: string | RegExp, options: Options = {}) {
    const { code, stderr } = await run(args, { cwd: site.path, ...options })
    if (typeof message === 'string') assert.equal(stderr, `${message}\n`)
    else assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n {4}at |Error:/)
    assert.equal(code, 2)
  }

  it('nothing is configured', () =>
    refuses(
      ['serve'],
      'wott-gateway: wrong settings:\n  WOTT_ACL_FILE is not set: name the Mosquitto acl_file that says who may publish and read what (an empty file denies everything)',
    ))

  it('settings are wrong: all of them, by the names that were used', () =>
    refuses(
      ['serve', '--device-listen', 'nope', '--drain-seconds', '-1'],
      `wott-gateway: wrong settings:
  WOTT_ID_PATTERN must be a regular expression that starts with "^" and ends with "$", so that it matches the whole WoTT ID, not "a"
  --device-listen must be HOST:PORT, [IPV6]:PORT, :PORT or off, not "nope"
  WOTT_MAX_PAYLOAD must be a size from 1 to 64MiB, such as 1048576 or 1MiB, not "1TB"
  --drain-seconds must be a whole number from 0 to 3600, not "-1"
  WOTT_LOG_LEVEL must be one of error, warn, info, debug, not "loud"
  WOTT_ACL_FILE is not set: name the Mosquitto acl_file that says who may publish and read what (an empty file denies everything)`,
      {
        env: {
          WOTT_ID_PATTERN: 'a',
          WOTT_MAX_PAYLOAD: '1TB',
          WOTT_LOG_LEVEL: 'loud',
          // docker compose passes a variable that is not set as an empty string
          WOTT_ACL_FILE: '',
          WOTT_MQTT_LISTEN: '',
        },
      },
    ))

  it('the password of another broker cannot be read', () =>
    refuses(
      site.serveBut({
        '--broker': 'mqtts://127.0.0.1:1',
        '--broker-username': 'me',
        '--broker-password-file': '/nowhere/password',
      }),
      'wott-gateway: /nowhere/password: no such file',
    ))

  it('a port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await refuses(
      site.serveBut({ '--device-listen': `127.0.0.1:${port}` }),
      `wott-gateway: the device door cannot listen on 127.0.0.1:${port}: another program already listens there; stop it or choose another address with --device-listen HOST:PORT`,
    )
    server.close()
  })

  it('the certificate is missing', () =>
    refuses(
      site.serveBut({ '--certs-dir': '/none' }),
      [
        'wott-gateway: /none/ca.crt: no such file; it should contain CA certificates',
        "wott-gateway: /none/client.crt: no such file; it should contain the gateway's certificate",
        "wott-gateway: /none/client.key: no such file; it should contain the gateway's private key",
        'wott-gateway: WOTT_CERTS_DIR names the folder; "wott-gateway init" creates one',
      ].join('\n'),
    ))

  it('the certificate is garbage', async () =>
    refuses(
      site.serveBut({ '--cert-file': await site.file('garbage.crt', 'x\n\0y') }),
      `wott-gateway: ${site.path}/garbage.crt: this file contains no PEM certificate`,
    ))

  it('a second certificate of the CA file is garbage', async () => {
    const ca = await readFile(site.layout.certs.ca, 'utf8')
    const broken = `${ca}-----BEGIN CERTIFICATE-----\nAAAA\n`
    await refuses(
      site.serveBut({ '--ca-file': await site.file('broken.crt', broken) }),
      /^wott-gateway: \S+broken\.crt: .*\n$/,
    )
  })

  it('a cipher suite does not exist', () =>
    refuses(
      site.serveBut({ '--ciphers': 'NONE-SUCH' }),
      /^wott-gateway: wrong settings:\n {2}--ciphers must be OpenSSL names .*, not "NONE-SUCH"\n$/,
    ))

  it('a mosquitto.conf asks for something unsupported', async () => {
    const conf = await site.file('old.conf', 'plugin p.so\npassword_file p\n')
    await refuses(
      site.serveBut({ '--mosquitto-conf': conf }),
      /old\.conf:1 plugin: .*\n {2}\S+old\.conf:2 password_file: /,
    )
  })

  it('the key belongs to another certificate', () =>
    refuses(
      site.serveBut({ '--key-file': deviceFiles(site.layout, 'sensor').key }),
      `wott-gateway: ${deviceFiles(site.layout, 'sensor').key}: this private key does not belong to the certificate in ${site.layout.certs.certificate}`,
    ))

  it('the key is encrypted', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' }
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher })
    await refuses(
      site.serveBut({ '--key-file': await site.file('locked.key', pem) }),
      /locked\.key: .*private key/,
    )
  })

  it('the revocation list is garbage', async () =>
    refuses(site.serveBut({ '--crl-file': await site.file('garbage.crl', 'x') }), /garbage\.crl: /))

  it('the ACL file has errors: every line is named', async () => {
    const acl = await site.file('bad.acl', 'topik a\ntopic read a\ntopic raed b\nuser\n')
    await refuses(
      site.serveBut({ '--acl-file': acl }),
      /^wott-gateway: \S+bad\.acl:1:1 .*\nwott-gateway: \S+bad\.acl:3:7 .*\nwott-gateway: \S+bad\.acl:4:5 .*\n$/,
    )
  })

  it('the ACL file is missing', () =>
    refuses(
      site.serveBut({ '--acl-file': '/none.acl' }),
      /^wott-gateway: \/none\.acl cannot be read: .*\n$/,
    ))

  it('the ACL file may not be read: it names the user', ROOT_ONLY, async () => {
    const acl = await site.file('mine.acl', '')
    await chmod(acl, 0o600)
    await refuses(
      site.serveBut({ '--acl-file': acl }),
      `wott-gateway: ${acl} cannot be read: the gateway runs as user 65534, who has no permission to read it; change its owner (chown) or its mode (chmod 644)`,
      { uid: NOBODY },
    )
  })

  it('a folder of a broker holds something else', async () =>
    refuses(
      site.serveBut({ '--broker': `file:${await site.file('no-folder', '')}` }),
      /^wott-gateway: .*no-folder .*\n$/,
    ))

  it('the folder of the broker is written as a URL with a host', () =>
    refuses(
      site.serveBut({ '--broker': 'file://data' }),
      'wott-gateway: wrong settings:\n  --broker must be file:data (a folder in the working directory) or file:/data (an absolute path), not "file://data"',
    ))

  it('the folder of the broker cannot be made', async () => {
    // on Linux, nothing can be made in /proc
    await refuses(
      site.serveBut({ '--broker': 'file:/proc/x/y' }),
      /^wott-gateway: \/proc\/x\/y cannot hold a store: .*\n$/,
    )
    await refuses(['init', '/proc/x'], /^wott-gateway: \/proc\/x: .*\(mkdir\)\n$/)
  })

  it('a file is named without its flag', async () => {
    await refuses(
      ['serve', 'mosquitto.conf'],
      /^wott-gateway: too many arguments: name the file with --mosquitto-conf mosquitto\.conf\n/,
    )
    await refuses(['serve', 'permission'], /^wott-gateway: too many arguments: "permission"; /)
  })

  it('a file may not be read', ROOT_ONLY, async () => {
    const key = await site.file('mine.key', await readFile(site.layout.certs.key))
    await chmod(key, 0o600)
    const own = { '--cert-file': site.layout.certs.certificate, '--key-file': key }
    await promisify(execFile)('chmod', ['-R', 'a+rX', site.layout.directory])
    await refuses(
      site.serveBut(own),
      `wott-gateway: ${key}: this user has no permission to read it; it should contain the gateway's private key\nwott-gateway: WOTT_CERTS_DIR names the folder; "wott-gateway init" creates one`,
      { uid: NOBODY },
    )
  })

  it('.wott cannot be written', ROOT_ONLY, async () => {
    const cwd = join(site.path, 'not-mine')
    await mkdir(cwd)
    await refuses(['dev', ...FREE_PORTS], 'wott-gateway: .wott: permission denied (mkdir)', {
      cwd,
      uid: NOBODY,
    })
  })
})

describe('a damaged installation', { concurrency: 2 }, () => {
  /** Keeps Node from finding what `specifier` matches. */
  const without = (specifier: RegExp) => `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(specifier, context, next) {
        if (${specifier}.test(specifier)) throw new Error('a file is missing')
        return next(specifier, context)
      },
    })`

  // both load in the background, from the sources or from the package, where only serve has all in one file
  for (const [what, specifier] of [
    ['the gateway', /^\.\/gateway-\w+\.js$|\/gateway\.ts$/],
    ['the doors', /^\.\/doors-\w+\.js$|\/doors\/doors\.ts$/],
  ] as const)
    it(`ends in order, with one error, if ${what} cannot be loaded`, async () => {
      const broker = `file:${join(site.path, `without ${what}`)}`
      const code = encodeURIComponent(without(specifier))
      const ended = await run(['dev', ...FREE_PORTS, '--broker', broker], {
        cwd: site.path,
        env: { NODE_OPTIONS: `--import=data:text/javascript,${code}` },
      })
      assert.match(ended.stderr, /^wott-gateway: Error: a file is missing\n/)
      assert.doesNotMatch(ended.stdout, /listening/)
      assert.equal(ended.code, 1)
    })
})

describe('dev with a damaged .wott', { concurrency: 2 }, () => {
  const damaged: [string, (layout: Layout) => string, RegExp][] = [
    ['certificate', ({ certs }) => certs.certificate, /\.wott|client\.crt/],
    ['key', ({ certs }) => certs.key, /certs\/client\.key/],
    ['authority', ({ authority }) => authority.certificate, /\.wott/],
    ['ledger', ({ authority }) => authority.ledger, /issued\.ndjson/],
    ['revocation list', ({ authority }) => authority.crl, /crl\.pem|\.wott/],
    ['ACL file', ({ acl }) => acl, /permission\.acl:1:1/],
  ]
  for (const [what, fileOf, message] of damaged)
    it(`reports it: ${what}`, async () => {
      const cwd = join(site.path, `damaged ${what}`)
      const made = await initDirectory(join(cwd, '.wott'))
      await writeFile(fileOf(made.layout), 'garbage\n')
      const { code, stderr } = await run(['dev', ...FREE_PORTS, '--broker', 'memory:'], { cwd })
      assert.match(stderr, message)
      assert.match(stderr, /^wott-gateway: .*\n$/)
      assert.equal(code, 2)
    })
})
