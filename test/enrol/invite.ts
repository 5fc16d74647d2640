import { inviteDevice } from '../../src/enrol/operator.ts'

// prints the token of a new invite, for scripts in tests: invite.ts DIR NAME

const [directory = '', name = ''] = process.argv.slice(2)
process.stdout.write(`${(await inviteDevice(directory, name, 3_600_000)).token}\n`)
