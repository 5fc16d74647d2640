import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Flags, readArguments, requireWords } from '../../src/cli/arguments.ts'
import { enrol } from '../../src/cli/enrol.ts'
import { columns, wrap } from '../../src/cli/help.ts'
import { nearest } from '../../src/cli/suggest.ts'
import { flagName, type SettingName } from '../../src/config/schema.ts'
import { namesIn } from '../../src/config/setting.ts'
import { BALANCERS_SETTINGS } from '../../src/config/settings/balancers.ts'
import { type Folder, PROGRAM, run, runEach, startAny, temporaryFolder } from './program.ts'

const COMMANDS = [
  'serve',
  'dev',
  'enrol',
  'init',
  'device',
  'ca',
  'viewer',
  'clients',
  'store',
  'backup',
  'restore',
  'whoami',
  'acl',
  'topics',
  'pub',
  'sub',
  'history',
  'simulate',
]

const FLAGS = {
  certs: { type: 'string', value: 'DIR', help: '' },
  qos: { type: 'string', value: 'N', default: '0', help: '' },
  retain: { type: 'boolean', help: '' },
  name: { type: 'string', value: 'NAME', multiple: true, help: '' },
} as const satisfies Flags

describe('a command line', () => {
  it('is words and flags in any order', () => {
    assert.deepEqual(readArguments(['a', '--certs', 'x', '--retain', 'b', '--name=1'], FLAGS), {
      values: { certs: 'x', qos: '0', retain: true, name: ['1'] },
      words: ['a', 'b'],
    })
  })

  it('accepts negative numbers as words, and any word after --', () => {
    const { words } = readArguments(['t', '-3.5', '-.5', '-1e3', '--', '--retain', '-h'], FLAGS)
    assert.deepEqual(words, ['t', '-3.5', '-.5', '-1e3', '--retain', '-h'])
    assert.equal(readArguments(['--certs', '-1'], FLAGS).values.certs, '-1')
  })

  it('has the settings of load balancers for the enrol door too', () => {
    for (const name of namesIn({ balancers: BALANCERS_SETTINGS }))
      assert.ok(enrol.help.includes(` --${flagName(name as SettingName)} `), name)
  })

  const wrong: [string[], RegExp][] = [
    [['--retian'], /^unknown option --retian; did you mean --retain\?$/],
    [['--zzz=1'], /^unknown option --zzz$/],
    [['-x'], /^unknown option -x$/],
    [['--certs'], /^--certs needs a value: DIR$/],
    [['--certs', '--retain'], /^--certs needs a value: DIR$/],
    [['--certs', ''], /^--certs must not be empty$/],
    [['--certs='], /^--certs must not be empty$/],
    [['--qos', '1', '--qos', '1'], /^--qos is given twice$/],
    [['--retain=false'], /^--retain takes no value$/],
    [['--constructor'], /^unknown option --constructor$/],
    [['--certs=', '--x', '-y'], /empty\n.*--x\n.*-y$/],
  ]
  for (const [args, message] of wrong)
    it(`is refused: ${args.join(' ')}`, () => {
      assert.throws(() => readArguments(args, FLAGS), { message })
    })

  it('names the words that are missing or too many', () => {
    assert.throws(() => requireWords(['a'], ['A', 'B', 'C']), { message: 'B and C are missing' })
    assert.throws(() => requireWords(['a', 'b c'], ['A']), { message: /too many arguments: "b c"/ })
    requireWords(['a', 'b'], ['A'], ['B'])
  })

  it('is compared with known commands and flags for a suggestion', () => {
    assert.equal(nearest('sevre', COMMANDS), 'serve')
    assert.equal(nearest('publish', COMMANDS), 'pub')
    assert.equal(nearest('SUB', COMMANDS), 'sub')
    assert.equal(nearest('s', COMMANDS), undefined)
    assert.equal(nearest('mosquitto', COMMANDS), undefined)
  })
})

describe('help', () => {
  it('fits into 80 columns, side by side', () => {
    assert.equal(wrap('aaa '.repeat(30).trim(), '    ').split('\n')[0]?.length, 79)
    assert.equal(
      columns([
        ['--a', 'one'],
        ['--long N', 'two'],
        ['--much-longer-than-the-others', 'three'],
      ]),
      '  --a       one\n  --long N  two\n  --much-longer-than-the-others\n            three',
    )
  })

  it('exists for every command, with examples', async () => {
    const [{ stdout } = { stdout: '' }, ...helps] = await runEach([
      ['--help'],
      ...COMMANDS.map((name) => [name, '--help']),
    ])
    const named = [...stdout.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name)
    assert.deepEqual(named, COMMANDS)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
    assert.equal(helps.length, COMMANDS.length)
    for (const [n, { code, stdout, stderr }] of helps.entries()) {
      assert.equal(code, 0)
      assert.equal(stderr, '')
      assert.match(stdout, new RegExp(`^Usage: wott-gateway ${COMMANDS[n]}\\b`))
      assert.match(stdout, /\nExamples:\n {2}(\w+=\S+ )*wott-gateway /)
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
    }
  })

  it('has examples that work', async () => {
    await using folder = await temporaryFolder()
    // the other examples need a gateway; the tests of their commands run them
    const names = ['init', 'device', 'viewer', 'whoami', 'acl']
    const helps = await runEach(names.map((name) => [name, '--help']))
    const examples = helps.map(({ stdout }) => /\nExamples:\n([\s\S]*?)\n(\n|$)/.exec(stdout)?.[1])
    const script = `set -e; wott-gateway() { "${process.execPath}" "${PROGRAM}" "$@"; }`
    const ran = startAny('bash', ['-c', [script, ...examples].join('\n')], { cwd: folder.path })
    const { code, stderr, stdout } = await ran.ended
    assert.match(stderr, /^wott-gateway: created \.wott\/viewers\.json: .*\n/m)
    assert.equal(code, 0)
    assert.match(
      String(stdout),
      /^kitchen\.d\.wott\.local\t[\s\S]*^revoked kitchen\.d\.wott\.local/m,
    )
  })

  it('is printed for --help in any place', async () => {
    const [plain, ...others] = [
      await run(['pub', '--help']),
      ...(await runEach([
        ['pub', 'a', '--bogus', '-h'],
        ['help', 'pub'],
      ])),
    ]
    assert.deepEqual([plain?.code, others.length], [0, 2])
    for (const other of others) assert.deepEqual(other, plain)
  })
})

describe('the program', () => {
  let folder: Folder
  before(async () => {
    folder = await temporaryFolder()
  })
  after(() => folder[Symbol.asyncDispose]())

  it('prints its version', async () => {
    const { code, stdout } = await run(['--version'])
    assert.equal(code, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  const wrong: [string[], string][] = [
    [['sevre'], 'unknown command "sevre"; did you mean serve?'],
    [['xyzzy'], 'unknown command "xyzzy"; "wott-gateway --help" lists all commands'],
    [['--vresion'], 'unknown option "--vresion"; did you mean --version?'],
    [['__proto__'], 'unknown command "__proto__"; "wott-gateway --help" lists all commands'],
    [['pub'], 'TOPIC is missing\nsee "wott-gateway pub --help"'],
    [['pub', 'a', '--qos', '2'], '--qos must be 0 or 1, not "2"\nsee "wott-gateway pub --help"'],
    [
      ['pub', 'a', 'b', '--via', 'ftp'],
      '--via must be https or mqtt, not "ftp"\nsee "wott-gateway pub --help"',
    ],
    [
      ['pub', 'a', 'b', '--port', '0'],
      '--port must be a whole number from 1 to 65535, not "0"\nsee "wott-gateway pub --help"',
    ],
    [['sub'], 'FILTER is missing\nsee "wott-gateway sub --help"'],
    [
      ['sub', 'a', '--count', 'x'],
      '--count must be a whole number from 1 to 1000000000, not "x"\nsee "wott-gateway sub --help"',
    ],
    [
      ['simulate', '--interval', '0'],
      '--interval must be a number of seconds up to 86400, not "0"\nsee "wott-gateway simulate --help"',
    ],
    [['init', ''], 'DIR must not be empty\nsee "wott-gateway init --help"'],
    [
      ['device'],
      'invite, waiting, approve, deny, add, renew, revoke or list is missing\nsee "wott-gateway device --help"',
    ],
    [
      ['device', 'ad'],
      'unknown device command "ad"; did you mean add?\nsee "wott-gateway device --help"',
    ],
    [['device', 'revoke'], 'ID is missing\nsee "wott-gateway device --help"'],
    [['device', 'list', '--days', '3'], 'unknown option --days\nsee "wott-gateway device --help"'],
    [['acl'], 'lint, explain or test is missing\nsee "wott-gateway acl --help"'],
    [
      ['serve', '--acl-fil', 'x', 'y'],
      'unknown option --acl-fil; did you mean --acl-file?\nsee "wott-gateway serve --help"',
    ],
    [
      ['dev', 'now'],
      'too many arguments: "now"; put an argument with spaces in quotes\nsee "wott-gateway dev --help"',
    ],
    [
      ['pub', 'a', 'b', '--certs', 'none'],
      'none/ca.crt: no such file; name the device\'s folder with --certs DIR ("wott-gateway init" makes some)',
    ],
    [
      ['whoami', 'none'],
      'none/client.crt: no such file; name the folder of a device: wott-gateway whoami DIR',
    ],
    [
      ['device', 'list'],
      'there is no device CA in .wott: create one with "wott-gateway init .wott"',
    ],
  ]
  it('reports what is wrong with a command line, exit code 2', async () => {
    const options = { cwd: folder.path }
    const lines = wrong.map(([args]) => args)
    // a program of its own, and the others
    const ran = [await run(lines[0] ?? [], options), ...(await runEach(lines.slice(1), options))]
    assert.equal(ran.length, wrong.length)
    for (const [n, result] of ran.entries()) {
      const said = wrong[n]?.[1].replace(/^/gm, 'wott-gateway: ')
      assert.deepEqual(result, { code: 2, stdout: '', stderr: `${said}\n` })
    }
  })

  it('shows help on standard error without a command', async () => {
    const { code, stdout, stderr } = await run([])
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /^Usage: /)
  })

  it('ends without an error when nobody reads its help', async () => {
    const { stderr, stdout } = await startAny('bash', [
      '-c',
      `"${process.execPath}" "${PROGRAM}" serve --help | true; echo "\${PIPESTATUS[0]}"`,
    ]).ended
    assert.equal(stderr, '')
    assert.equal(String(stdout), '0\n')
  })

  it('reports a full disk', async () => {
    const { stderr, stdout } = await startAny('bash', [
      '-c',
      `"${process.execPath}" "${PROGRAM}" init "${folder.path}/full" > /dev/full; echo $?`,
    ]).ended
    assert.match(stderr, /^wott-gateway: the output cannot be written: .*ENOSPC.*\n$/)
    assert.equal(String(stdout), '1\n')
  })
})

describe('an old Node', () => {
  /** Makes this Node look like version 20: its version number, and a module without newer functions. */
  const OLD = `
    import { registerHooks } from 'node:module'
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })
    registerHooks({
      resolve: (name, context, next) =>
        name === 'node:module' ? { url: 'data:text/javascript,', shortCircuit: true } : next(name, context),
    })`

  it('is refused with a message', async () => {
    const preload = `data:text/javascript,${encodeURIComponent(OLD)}`
    const { code, stderr } = await startAny(process.execPath, ['--import', preload, PROGRAM]).ended
    assert.deepEqual([code, stderr.split(';')[0]], [2, 'wott-gateway needs Node.js 24 or later'])
  })
})
