import { section, setting } from '../setting.ts'
import { uplinkSettings } from '../uplink.ts'
import { orOff } from '../values/parse.ts'
import { integer, secondsAsMs, text } from '../values/plain.ts'
import { topicFilters } from '../values/topics.ts'

/** The connection to the broker in WOTT_BROKER: `config.broker.relayed`. */
export const RELAYED_SETTINGS = section(
  'In front of another MQTT broker',
  'in-front-of-a-broker.md',
  {
    uplink: uplinkSettings('broker', {
      to: 'the broker in WOTT_BROKER',
      clientId: 'wott-gateway- and random letters, new at each start',
      late: 'then the device gets 503',
      full: 'beyond it devices get 503',
      timeout: '5',
      pending: '10000',
      pendingBytes: '64MiB',
    }),
    idProperty: setting(
      'brokerIdProperty',
      orOff(text(1, 200)),
      'wott-id',
      'MQTT 5 user property that carries the WoTT ID of the device to the broker in WOTT_BROKER; off: not sent',
    ),
    subscribe: setting(
      'brokerSubscribe',
      orOff(topicFilters),
      '#',
      'topics of the broker in WOTT_BROKER that metrics and history follow: filters separated by commas; off: none',
    ),
    subscriptions: setting(
      'brokerSubscriptions',
      integer(1, 100_000),
      '1000',
      'maximum number of subscriptions at the broker in WOTT_BROKER; a reader that needs one more is refused',
    ),
    releaseMs: setting(
      'brokerRelease',
      secondsAsMs(1, 86_400),
      '60',
      'seconds that a subscription at the broker in WOTT_BROKER is kept after its last reader has left; a refused subscription is tried again after the same time',
    ),
    settleMs: setting(
      'brokerSettle',
      integer(10, 60_000),
      '250',
      'milliseconds without another retained message from the broker in WOTT_BROKER after which the gateway assumes that it has received them all',
    ),
    quarantineMs: setting(
      'brokerQuarantine',
      secondsAsMs(0, 86_400),
      '600',
      'maximum number of seconds that a device publishes over a separate connection to the broker in WOTT_BROKER, after one of its messages has (or may have) made that broker close the connection; 0: never',
    ),
  },
)
