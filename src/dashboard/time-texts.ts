const DAY = 86_400

/** The labels of an axis, for marks in seconds since the Unix epoch: the time, and below it the day where it changes. */
export function timeTexts(marks: readonly number[]): string[] {
  const step = (marks[1] ?? 0) - (marks[0] ?? 0)
  let day = ''
  return marks.map((mark) => {
    const date = new Date(mark * 1000)
    const dayText = date.toLocaleDateString()
    if (step >= DAY) return dayText
    const time = date.toLocaleTimeString([], {
      hour: '2-digit',
      minute: '2-digit',
      ...(step < 60 ? { second: '2-digit' } : {}),
    })
    const isNew = dayText !== day
    day = dayText
    return isNew ? `${time}\n${dayText}` : time
  })
}
