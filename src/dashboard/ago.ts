/** How long ago, in the largest unit that is at least one. */
export function ago(time: number, now: number): string {
  return now - time < 4500 ? 'just now' : `${durationText(now - time)} ago`
}

/** Milliseconds in the largest unit that is at least one. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
