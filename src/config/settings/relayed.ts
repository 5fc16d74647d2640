import { setting } from '../setting.ts'
import { uplinkSettings } from '../uplink.ts'
import { orOff } from '../values/parse.ts'
import { integer, text } from '../values/plain.ts'
import { topicFilters } from '../values/topics.ts'

/** In front of another MQTT broker. */
export const RELAYED_SETTINGS = {
  ...uplinkSettings('broker', {
    to: 'the broker in WOTT_BROKER',
    clientId: 'wott-gateway- and random letters, new at each start',
    late: 'then the device gets 503',
    full: 'beyond it devices get 503',
    timeout: '5',
    pending: '10000',
    pendingBytes: '64MiB',
  }),
  brokerIdProperty: setting(
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that carries the WoTT ID of the device to the broker in WOTT_BROKER; off: not sent',
  ),
  brokerSubscribe: setting(
    orOff(topicFilters),
    '#',
    'topics of the broker in WOTT_BROKER that metrics and history follow: filters separated by commas; off: none',
  ),
  brokerSubscriptions: setting(
    integer(1, 100_000),
    '1000',
    'maximum number of subscriptions at the broker in WOTT_BROKER; a reader that needs one more is refused',
  ),
  brokerRelease: setting(
    integer(1, 86_400),
    '60',
    'seconds that a subscription at the broker in WOTT_BROKER is kept after its last reader has left; a refused subscription is tried again after the same time',
  ),
  brokerSettle: setting(
    integer(10, 60_000),
    '250',
    'milliseconds without another retained message from the broker in WOTT_BROKER after which the gateway assumes that it has received them all',
  ),
  brokerQuarantine: setting(
    integer(0, 86_400),
    '600',
    'maximum number of seconds that a device publishes over a separate connection to the broker in WOTT_BROKER, after one of its messages has (or may have) made that broker close the connection; 0: never',
  ),
} as const
