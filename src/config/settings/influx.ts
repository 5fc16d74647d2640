import { setting } from '../setting.ts'
import { choice } from '../values/plain.ts'
import { topicTemplate } from '../values/topics.ts'

/** InfluxDB line protocol. */
export const INFLUX_SETTINGS = {
  influxTopic: setting(
    topicTemplate,
    '{device}/{measurement}/{tags}/{field}',
    'topic of each value in InfluxDB line protocol: {device} is the WoTT ID, {tag:NAME} the value of a tag, {tag:NAME?} the same but omitted if there is no such tag, {tags} one level NAME=VALUE for each remaining tag; without {field} all fields of a line become one JSON message',
  ),
  influxRetain: setting(
    choice('on', 'off'),
    'off',
    'whether messages from InfluxDB line protocol are retained',
  ),
} as const
