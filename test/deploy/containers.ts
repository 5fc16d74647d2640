import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Image, quote, ROOT } from './dockerfile.ts'

export interface Service {
  readonly entrypoint?: readonly string[]
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export type Services = Readonly<Record<string, Service>>

export async function readCompose(): Promise<{ readonly services: Services }> {
  return parse(await readFile(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true })
}

/**
 * A shell script for a new mount namespace, for machines without a container engine: it runs the steps of the
 * Dockerfile, and then runs services of the compose file in one network, as the image's user on a read-only tree. The
 * files of this machine stand in for the base image. The checkout is one that only its owner may read. `work` is an empty
 * folder.
 */
export function containers(image: Image, work: string, services: Services): string {
  const { init, gateway, sensor } = services
  return `set -eu
work=${quote(work)}
${PRELUDE}
(cd ${quote(ROOT)} && sed -n 's/^!//p' .dockerignore | xargs cp -a --parents -t "$work/context")
chmod -R go= "$work/context"
${image.build}
root=$work/image/root
printf '127.0.0.1 localhost gateway\\n' > "$root/etc/hosts"
for volume in site data device; do
  cp -a "$root/$volume" "$work/$volume"
  mount --bind "$work/$volume" "$root/$volume"
done
mount -o remount,ro "$root"
exec unshare --net bash -euc ${quote(`
ip link set lo up
root=$1
${run(image, init)}
${run(image, gateway)} &
gateway=$!
echo "gateway is $gateway"
until ${inContainer(image)} ${image.healthcheck.map(quote).join(' ')}; do sleep 0.2; done
echo 'gateway is healthy'
${run(image, sensor)} &
sensor=$!
wait $gateway && echo "gateway ended with 0" || echo "gateway ended with $?"
kill $sensor
`)} bash "$root"
`
}

/** Packages come with the files of this machine, without a network: it fails if one is not installed here. */
const APT_GET = `#!/bin/sh
[ "$1" = install ] || exit 0
for word; do case $word in install | -*) ;; *) dpkg --status "$word" > /dev/null || exit ;; esac; done`

/**
 * `npm ci --ignore-scripts` links the packages of this checkout, because unpacking them again takes most of the time of a build. It
 * fails if a package has another version than in the lock file. It leaves out Node, which an install script downloads.
 */
const NPM = `#!/bin/sh
[ "$1 $2" = 'ci --ignore-scripts' ] || exec "$real_npm" "$@"
node -e '
  const [lock, checkout] = process.argv.slice(1)
  for (const [path, { version, optional }] of Object.entries(require(lock).packages))
    if (path && !optional && require(checkout + "/" + path + "/package.json").version !== version)
      throw new Error(path + " is not " + version)
' "$PWD/package-lock.json" "$checkout" || exit
mkdir node_modules
ln -s "$checkout"/node_modules/* node_modules
cp -a "$checkout/node_modules/.bin" node_modules
rm node_modules/node`

const PRELUDE = `
export checkout=${quote(ROOT)} real_npm=$(readlink -f "$(command -v npm)")
mount -t tmpfs tmpfs "$work"
mkdir "$work/context"
stage() {
  mkdir -p "$work/$1/upper" "$work/$1/work" "$work/$1/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/$1/upper,workdir=$work/$1/work" "$work/$1/root"
  mount --rbind /proc "$work/$1/root/proc"
  mount --rbind /dev "$work/$1/root/dev"
  install -D ${quote(process.execPath)} "$work/$1/root/usr/local/bin/node"
  printf '%s\\n' ${quote(APT_GET)} > "$work/$1/root/usr/local/bin/apt-get"
  rm -f "$work/$1/root/usr/local/bin/npm"
  printf '%s\\n' ${quote(NPM)} > "$work/$1/root/usr/local/bin/npm"
  chmod +x "$work/$1/root/usr/local/bin/apt-get" "$work/$1/root/usr/local/bin/npm"
}
inStage() {
  root=$1
  shift
  chroot "$root" env -i HOME=/root "PATH=$PATH" "checkout=$checkout" "real_npm=$real_npm" "$@"
}
copy() {
  mkdir -p "$2"
  if [ -d "$1" ]; then cp -a "$1/." "$2"; else cp -a "$1" "$2"; fi
}
`

/** A shell command as run by `docker exec`: with the user, folder and environment of the image. */
export function inContainer(image: Image, service?: Service): string {
  const environment = { HOME: '/nowhere', ...image.environment, ...service?.environment }
  const pairs = Object.entries(environment).map(([name, value]) => quote(`${name}=${value}`))
  return `chroot --userspec=${image.user} "$root" env -i -C ${image.directory} PATH=/usr/local/bin:/usr/bin:/bin ${pairs.join(' ')}`
}

function run(image: Image, service: Service | undefined): string {
  if (!service) throw new Error('the compose file has lost a service')
  const words = [...(service.entrypoint ?? image.entrypoint), ...service.command]
  return `${inContainer(image, service)} ${words.map(quote).join(' ')}`
}
