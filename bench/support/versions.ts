import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The allocator of the servers in Node.js, and the peers. */
const OTHERS = [
  {
    name: 'jemalloc',
    command: ['dpkg-query', '-W', 'libjemalloc2'],
    version: /\t([\d.]+)/,
  },
  { name: 'nginx', command: ['nginx', '-v'], version: /nginx\/([\d.]+)/ },
  { name: 'nchan', command: ['dpkg-query', '-W', 'libnginx-mod-nchan'], version: /:?([\d.]+)\+/ },
  { name: 'Mosquitto', command: ['mosquitto', '-h'], version: /version ([\d.]+)/ },
] as const

/** All versions in one line: `Node 26.10.0, OpenSSL …, Fastify …`. Throws if a program is missing. */
export function versionsOf(): string {
  const own = [`Node ${process.versions.node}`, `OpenSSL ${process.versions.openssl}`]
  const packages = ['fastify', 'aedes'].map((name) => {
    const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
  })
  const others = OTHERS.map(({ name, command, version }) => {
    const [program, ...args] = command
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    const found = version.exec(`${stdout}${stderr}`)?.[1]
    if (!found)
      throw new Error(
        `${name} is missing (Debian: apt-get install libjemalloc2 nginx libnginx-mod-nchan mosquitto)`,
      )
    return `${name} ${found}`
  })
  return [...own, ...packages, ...others].join(', ')
}
