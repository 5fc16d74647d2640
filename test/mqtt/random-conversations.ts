import fc from 'fast-check'
import type { Qos } from '../../src/topic/message.ts'
import type { Command, Sent } from './talk.ts'

export const TOPICS = ['a', 'a/b', 'a/b/c', 'd/b', 'd'] as const
const WILDCARDS = ['#', '+', 'a/#', 'a/+', '+/b', 'd/+'] as const
const CLIENTS = ['one', 'two', 'three'] as const

/** What one kind of conversation may contain. The kinds avoid what aedes does not do as MQTT says. */
interface Kind {
  readonly clean: fc.Arbitrary<boolean>
  readonly acknowledges: fc.Arbitrary<boolean>
  readonly message: fc.Arbitrary<Sent>
  /** The QoS of filters without wildcards. */
  readonly subscribed: readonly Qos[]
}

const topic = fc.constantFrom(...TOPICS)
const wildcard = fc.constantFrom(...WILDCARDS)
const filter = fc.oneof(topic, wildcard)
const client = fc.constantFrom(...CLIENTS)

function live(...qos: Qos[]): fc.Arbitrary<Sent> {
  return fc.record({ topic, qos: fc.constantFrom(...qos), retain: fc.constant(false) })
}

// without QoS 2, as aedes ignores the PUBREC of a retained message
const retained = fc.record({
  topic,
  qos: fc.constantFrom<Qos>(0, 1),
  retain: fc.constant(true),
})

const KINDS: readonly Kind[] = [
  {
    clean: fc.constant(true),
    acknowledges: fc.boolean(),
    message: fc.oneof(live(0, 1, 2), retained),
    subscribed: [0, 1, 2],
  },
  {
    clean: fc.boolean(),
    // aedes does not repeat retained messages
    acknowledges: fc.constant(true),
    message: fc.oneof(live(0, 1), retained),
    subscribed: [0, 1, 2],
  },
  {
    clean: fc.boolean(),
    acknowledges: fc.boolean(),
    // without QoS 2, which aedes does not lower to QoS 1 in the queue of a session
    message: live(0, 1),
    subscribed: [0, 1, 2],
  },
  {
    clean: fc.boolean(),
    acknowledges: fc.boolean(),
    message: live(0, 2),
    subscribed: [0, 2],
  },
]

function connecting({ clean, message, acknowledges }: Kind) {
  return fc.record({
    do: fc.constant('connect' as const),
    client,
    clean,
    will: fc.option(message),
    acknowledges,
  })
}

function subscribing({ subscribed }: Kind) {
  const request = fc.oneof(
    fc.record({ topic, qos: fc.constantFrom(...subscribed) }),
    // aedes does not lower the QoS of retained messages of a wildcard
    fc.record({ topic: wildcard, qos: fc.constant<Qos>(2) }),
  )
  return fc.record({
    do: fc.constant('subscribe' as const),
    client,
    // aedes answers once to a filter that comes twice
    subscriptions: fc.uniqueArray(request, {
      selector: (one) => one.topic,
      minLength: 1,
      maxLength: 3,
    }),
  })
}

/** Messages of a burst are of one kind, as aedes loses those that are overtaken. With QoS 2 it repeats all but the first. */
function publishing({ message }: Kind) {
  return fc.record({
    do: fc.constant('publish' as const),
    client,
    messages: fc
      .tuple(message, fc.integer({ min: 1, max: 3 }))
      .map(([one, count]) => Array<Sent>(one.qos === 2 ? 1 : count).fill(one)),
    areEmpty: fc.constantFrom(false, false, false, false, true),
  })
}

function commands(kind: Kind): fc.Arbitrary<Command> {
  return fc.oneof(
    { weight: 8, arbitrary: publishing(kind) },
    { weight: 4, arbitrary: subscribing(kind) },
    { weight: 4, arbitrary: connecting(kind) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), client }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), client }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('unsubscribe' as const),
        client,
        filters: fc.uniqueArray(filter, { minLength: 1, maxLength: 3 }),
      }),
    },
  )
}

function conversationOf(kind: Kind): fc.Arbitrary<Command[]> {
  const greetings = CLIENTS.map((name) => connecting(kind).map((one) => ({ ...one, client: name })))
  return fc
    .tuple(fc.tuple(...greetings), fc.array(commands(kind), { minLength: 5, maxLength: 25 }))
    .map(([first, rest]) => [...first, ...rest])
}

/** Three clients connect and go on from there. */
export const conversation = fc.oneof(...KINDS.map(conversationOf))
