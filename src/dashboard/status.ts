import { find } from './find.ts'
import type { Refusal } from './session.ts'

/** Whether readings come, in the head of the page. */
export function setState(state: 'connecting' | 'live' | 'over', text: string): void {
  const element = find('#state')
  element.dataset.state = state
  if (element.textContent !== text) element.textContent = text
}

/** Says what is wrong, above the readings; an empty title takes it away. */
export function showTrouble(title: string, text: string, lines = ''): void {
  find('#trouble').hidden = title === ''
  find('#trouble-title').textContent = title
  find('#trouble-text').textContent = text
  find('#trouble-lines').textContent = lines
}

/** Says why there is nothing to see. */
export function explain({ code, message }: Refusal): void {
  setState('over', 'Not connected')
  find('#leave').hidden = true
  switch (code) {
    case 'session_required':
      showTrouble(
        'Who are you?',
        'Ask whoever runs this gateway for an invite, and open its link. They type:',
        'wott-gateway viewer invite YOUR_NAME',
      )
      break
    case 'session_expired':
    case 'session_ended':
    case 'invite_invalid':
      showTrouble(
        code === 'invite_invalid' ? 'This invite does not work' : 'Your session is over',
        message,
      )
      break
    case 'unreachable':
      showTrouble('The gateway does not answer', 'Trying again…')
      break
    default:
      showTrouble('The gateway refuses to show anything', `${message} (${code})`)
  }
}

/** Says that the viewer may read nothing, and what would change that. */
export function explainNoRights(viewer: string): void {
  setState('over', 'Nothing to read')
  showTrouble(
    'The ACL file lets you read nothing',
    'Whoever runs the gateway can change that with two lines such as these. Then load this page again.',
    `user ${viewer}\ntopic read wott/#`,
  )
}
