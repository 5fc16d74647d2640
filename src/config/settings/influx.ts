import { section, setting } from '../setting.ts'
import { onOff } from '../values/plain.ts'
import { topicTemplate } from '../values/topics.ts'

/** Messages from InfluxDB line protocol: `config.influx`. */
export const INFLUX_SETTINGS = section('InfluxDB line protocol', 'ingest.md', {
  topic: setting(
    'influxTopic',
    topicTemplate,
    '{device}/{measurement}/{tags}/{field}',
    'topic of each value in InfluxDB line protocol: {device} is the WoTT ID, {tag:NAME} the value of a tag, {tag:NAME?} the same but omitted if there is no such tag, {tags} one level NAME=VALUE for each remaining tag; without {field} all fields of a line become one JSON message',
  ),
  retain: setting(
    'influxRetain',
    onOff,
    'off',
    'whether messages from InfluxDB line protocol are retained',
  ),
})
