import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DockerfileParser, type Instruction, PropertyInstruction } from 'dockerfile-ast'

export const ROOT = resolve(import.meta.dirname, '../..')
export const DOCKERFILE = join(ROOT, 'deploy/Dockerfile')

/** The last stage of the Dockerfile: how it is run, and shell commands that build it in `$work/image`. */
export interface Image {
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** Where its commands are run, those of `docker exec` too. */
  readonly directory: string
  /** `UID:GID` */
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly healthcheck: readonly string[]
  readonly build: string
}

/** Reads the instructions that our Dockerfile uses, and throws at any other, which it would not have tried. */
export async function readDockerfile(): Promise<Image> {
  const file = DockerfileParser.parse(await readFile(DOCKERFILE, 'utf8'))
  const build: string[] = []
  let stage = ''
  let directory = ''
  let image: Omit<Image, 'build' | 'directory'> = {
    environment: {},
    labels: {},
    user: '',
    entrypoint: [],
    healthcheck: [],
  }
  for (const instruction of file.getInstructions()) {
    const words = instruction.getArguments().map((word) => word.getValue())
    const text = words.join(' ')
    switch (instruction.getKeyword()) {
      case 'FROM':
        stage = words[2] ?? 'image'
        directory = '/'
        build.push(`stage ${stage}`)
        break
      case 'WORKDIR':
        directory = text
        build.push(`mkdir -p "$work/${stage}/root${directory}"`)
        break
      case 'COPY': {
        const from = /--from=(\S+)/.exec(instruction.getTextContent())?.[1]
        const target = words.at(-1)
        const sources = words.slice(0, -1)
        const top = from === undefined ? '$work/context/' : `$work/${from}/root`
        for (const path of sources)
          build.push(`copy "${top}${path}" "$work/${stage}/root${directory}/${target}"`)
        break
      }
      case 'RUN':
        build.push(`inStage "$work/${stage}/root" sh -c ${quote(`cd ${directory} && ${text}`)}`)
        break
      case 'ENV':
        image = { ...image, environment: pairsOf(instruction) }
        break
      case 'LABEL':
        image = { ...image, labels: pairsOf(instruction) }
        break
      case 'USER':
        image = { ...image, user: text }
        break
      case 'ENTRYPOINT':
        image = { ...image, entrypoint: JSON.parse(text) }
        break
      case 'HEALTHCHECK':
        image = { ...image, healthcheck: JSON.parse(text.slice(text.indexOf('['))) }
        break
      case 'EXPOSE':
      case 'CMD':
        break
      default:
        throw new Error(`what does ${instruction.getKeyword()} do in our Dockerfile?`)
    }
  }
  return { ...image, directory, build: build.join('\n') }
}

function pairsOf(instruction: Instruction): Record<string, string> {
  if (!(instruction instanceof PropertyInstruction)) throw new Error('it has no properties')
  const pairs = instruction.getProperties().map((pair) => [pair.getName(), pair.getValue()])
  return Object.fromEntries(pairs)
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
