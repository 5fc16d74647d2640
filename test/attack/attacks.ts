import { acknowledgements } from './attacks/acknowledgements.ts'
import { badLines } from './attacks/bad-lines.ts'
import { bigFilters } from './attacks/big-filters.ts'
import { bareConnections, handshakes, idleDevice } from './attacks/connections.ts'
import { deniedLines } from './attacks/denied-lines.ts'
import { deniedTopics } from './attacks/denied-topics.ts'
import { filters } from './attacks/filters.ts'
import { fragments } from './attacks/fragments.ts'
import { posts } from './attacks/posts.ts'
import { publishQos0 } from './attacks/publish-qos0.ts'
import { publishQos1 } from './attacks/publish-qos1.ts'
import { qos2 } from './attacks/qos2.ts'
import { rapidReset, strangersReset } from './attacks/rapid-reset.ts'
import { retained } from './attacks/retained.ts'
import { trickle } from './attacks/trickle.ts'
import { unreadAnswers } from './attacks/unread-answers.ts'
import { wills } from './attacks/wills.ts'
import type { Attack } from './flood.ts'

/** All attacks, by their name on the command line. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'publish-qos0': publishQos0,
  'publish-qos1': publishQos1,
  'denied-lines': deniedLines,
  'bad-lines': badLines,
  posts,
  'denied-topics': deniedTopics,
  filters,
  retained,
  wills,
  acknowledgements,
  'rapid-reset': rapidReset,
  'strangers-reset': strangersReset,
  'bare-connections': bareConnections,
  'idle-device': idleDevice,
  handshakes,
  trickle,
  'unread-answers': unreadAnswers,
  qos2,
  fragments,
  'big-filters': bigFilters,
}

/** All attacks at the same time, each by its own device. */
export const ALL_AT_ONCE = 'all-at-once'
