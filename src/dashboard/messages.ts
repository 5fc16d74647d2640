import type { Message, Topic } from './topics.ts'

export interface Messages {
  /** The messages of these topics, newest first. */
  show(topics: readonly Topic[]): void
}

const MOST_MESSAGES = 200

/** The rows of a table. */
export function createMessages(body: HTMLElement): Messages {
  let shown: readonly Message[] = []

  return {
    show(topics) {
      const messages = topics
        .flatMap(({ messages }) => messages)
        .sort((a, b) => b.time - a.time)
        .slice(0, MOST_MESSAGES)
      const isSame =
        messages.length === shown.length && messages.every((one, index) => one === shown[index])
      if (isSame) return
      shown = messages
      body.replaceChildren(...messages.map(rowOf))
    },
  }
}

function rowOf({ time, topic, device, payload }: Message): HTMLTableRowElement {
  const row = document.createElement('tr')
  const cells = { Time: timeText(time), Topic: topic, Device: device, Payload: payload.text }
  for (const [name, text] of Object.entries(cells)) {
    const cell = row.insertCell()
    cell.textContent = text
    // a narrow window shows it beside each cell, in place of the table's head
    cell.dataset.name = name
  }
  return row
}

function timeText(time: number): string {
  const date = new Date(time)
  const isToday = date.toDateString() === new Date().toDateString()
  return isToday ? date.toLocaleTimeString() : date.toLocaleString()
}
