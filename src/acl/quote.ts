const LONGEST = 60

/**
 * `text` in double quotes for a message: shortened, and with control, direction and other invisible characters
 * escaped, so that a file cannot write to the terminal that shows its errors.
 */
export function quote(text: string): string {
  const characters = Array.from(text.slice(0, 2 * LONGEST + 2))
  const short = characters.length > LONGEST ? `${characters.slice(0, LONGEST).join('')}…` : text
  return JSON.stringify(short).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}
