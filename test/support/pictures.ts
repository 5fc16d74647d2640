import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'

const ROOT = resolve(import.meta.dirname, '../..')
const PICTURES = join(ROOT, 'test/pictures')
/** The folder for pictures of failed tests; not committed. */
const SEEN = join(PICTURES, 'seen')
/** The side of the squares that are compared, in pixels; edges of letters differ between machines. */
const SQUARE = 8
/** The largest difference of the mean of a square, of 255. */
const TOLERANCE = 12
/** The largest share of squares that may differ by more. */
const MOST_DIFFERENT = 0.0005
/** The number of looks at a page that differs, as it may still be drawing. */
const MOST_LOOKS = 20

export interface Pictures {
  /** Compares a page with its picture. Resolves with the difference and the file of the new picture; null if they are alike. */
  compare(page: Page, name: string): Promise<string | null>
}

/** Opens the pictures in test/pictures/; WOTT_PICTURES=renew replaces each by the current look. */
export async function openPictures(browser: Browser): Promise<Pictures> {
  const desk = await browser.newPage()
  await rm(SEEN, { recursive: true, force: true })

  async function differs(seen: Buffer, kept: Buffer): Promise<string | null> {
    if (seen.equals(kept)) return null
    const urls = [seen, kept].map((png) => `data:image/png;base64,${png.toString('base64')}`)
    const { sizes, part } = await desk.evaluate<Compared>(
      `(${COMPARE})(${JSON.stringify([...urls, SQUARE, TOLERANCE])})`,
    )
    if (sizes[0] !== sizes[1]) return `is ${sizes[0]} pixels large, not ${sizes[1]}`
    if (part <= MOST_DIFFERENT) return null
    return `differs in ${(100 * part).toFixed(1)} % of it`
  }

  return {
    async compare(page, name) {
      const file = join(PICTURES, `${name}.png`)
      if (process.env.WOTT_PICTURES === 'renew') {
        await writeFile(file, await steadyPicture(page))
        return null
      }
      const kept = await readFile(file)
      let seen = await pictureOf(page)
      let difference = await differs(seen, kept)
      for (let looks = 1; difference !== null && looks < MOST_LOOKS; looks++) {
        seen = await pictureOf(page)
        difference = await differs(seen, kept)
      }
      if (difference === null) return null
      await mkdir(SEEN, { recursive: true })
      const shown = join(SEEN, `${name}.png`)
      await writeFile(shown, seen)
      return `${relative(ROOT, shown)} ${difference} from ${relative(ROOT, file)}; if it is as it should be: npm run pictures`
    },
  }
}

function pictureOf(page: Page): Promise<Buffer> {
  return page.screenshot({ animations: 'disabled', caret: 'hide' })
}

/** The picture of a page once several looks in a row are the same. */
async function steadyPicture(page: Page): Promise<Buffer> {
  let picture = await pictureOf(page)
  for (let same = 0; same < 3; ) {
    const next = await pictureOf(page)
    same = next.equals(picture) ? same + 1 : 0
    picture = next
  }
  return picture
}

interface Compared {
  readonly sizes: readonly [string, string]
  /** The share of squares that differ. */
  readonly part: number
}

/** Runs in a page. */
const COMPARE = `async ([first, second, square, tolerance]) => {
  const read = async (url) => {
    const image = new Image()
    image.src = url
    await image.decode()
    const { width, height } = image
    const [columns, rows] = [Math.ceil(width / square), Math.ceil(height / square)]
    const canvas = new OffscreenCanvas(width, height)
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    const { data } = context.getImageData(0, 0, width, height)
    const sums = new Float64Array(columns * rows * 3)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let color = 0; color < 3; color++)
          sums[(Math.floor(y / square) * columns + Math.floor(x / square)) * 3 + color] +=
            data[(y * width + x) * 4 + color]
    return { size: width + ' × ' + height, sums }
  }
  const [seen, kept] = await Promise.all([read(first), read(second)])
  const most = tolerance * square * square
  let different = 0
  for (let at = 0; at < seen.sums.length; at += 3)
    if ([0, 1, 2].some((color) => Math.abs(seen.sums[at + color] - kept.sums[at + color]) > most))
      different += 1
  return { sizes: [seen.size, kept.size], part: (different * 3) / seen.sums.length }
}`
