import { section, setting } from '../setting.ts'
import { orOff } from '../values/parse.ts'
import { integer, path, secondsAsMs } from '../values/plain.ts'
import { topicName, topicOfDevice } from '../values/topics.ts'

/** What the gateway publishes about topics: `config.topics`. */
export const TOPICS_SETTINGS = section('Topics that fall silent, and Home Assistant', 'topics.md', {
  file: setting(
    'topicsFile',
    path,
    undefined,
    'topics file: names, units and limits of topics, and after what time they count as silent',
  ),
  silenceMs: setting(
    'silence',
    orOff(secondsAsMs(1, 31_622_400)),
    'off',
    'seconds without a message after which a topic of a device counts as silent, if the topics file does not say; off: never',
  ),
  statusTopic: setting(
    'statusTopic',
    topicOfDevice,
    'status/%u',
    'topic for the retained status of a device ("online" or "offline"); %u is its WoTT ID. The status of each of its topics is one level below',
  ),
  watched: setting(
    'silenceTopics',
    integer(0, 1_000_000),
    '10000',
    'maximum number of topics watched for silence; a topic counts once for each device that publishes to it',
  ),
  watchedPerDevice: setting(
    'silenceTopicsPerDevice',
    integer(0, 1_000_000),
    '1000',
    'maximum number of topics watched for silence for one device',
  ),
  homeAssistant: {
    prefix: setting(
      'homeAssistant',
      orOff(topicName),
      'off',
      "Home Assistant's discovery prefix (usually homeassistant), under which the topics of the topics file are announced; off: announce nothing",
    ),
    sensors: setting(
      'homeAssistantSensors',
      integer(0, 100_000),
      '1000',
      'maximum number of sensors announced to Home Assistant',
    ),
  },
})
