import { FORM, parseTemplate, type TopicTemplate } from '../../topic/template.ts'
import { filterProblem, readingTopicProblem } from '../../topic/topic.ts'
import { type BridgeTopic, parseBridgeTopics } from '../bridge-topics.ts'
import { type Parse, parse } from './parse.ts'

/** MQTT topic filters; a comma cannot be part of one. */
export const topicFilters: Parse<readonly string[]> = parse(
  'FILTERS',
  'MQTT topic filters, separated by commas',
  (text) => {
    const filters = text.split(/ *, */)
    return filters.every((filter) => filterProblem(filter) === null) ? filters : undefined
  },
)

/** A template for topics. */
export const topicTemplate: Parse<TopicTemplate> = parse('TEMPLATE', FORM, parseTemplate)

/** Topic filters with the WoTT ID as one level, so that no two devices share a topic. */
export const commandTopics: Parse<readonly string[]> = parse(
  'FILTERS',
  'MQTT topic filters, separated by commas, each with %u as one of its levels',
  (text) => {
    const filters = text.split(/ *, */)
    const isOwn = (filter: string) =>
      filterProblem(filter) === null && !filter.startsWith('$') && filter.split('/').includes('%u')
    return filters.every(isOwn) ? filters : undefined
  },
)

/** A topic for publishing, or the beginning of such topics. */
export const topicName: Parse<string> = parse(
  'TOPIC',
  'a topic such as homeassistant, without wildcards, that does not start with "$"',
  (text) => (readingTopicProblem(text) === null ? text : undefined),
)

/** A topic with a level `%u` for the WoTT ID. */
export const topicOfDevice: Parse<string> = parse(
  'TOPIC',
  'a topic with one level %u for the WoTT ID, such as status/%u, without wildcards, that does not start with "$"',
  (text) =>
    readingTopicProblem(text) === null &&
    text.split('/').filter((level) => level === '%u').length === 1
      ? text
      : undefined,
)

export const bridgeTopics: Parse<readonly BridgeTopic[]> = parse(
  'TOPICS',
  'topics such as PATTERN out|in|both QOS LOCAL_PREFIX REMOTE_PREFIX, separated by semicolons',
  (text) => {
    const topics = parseBridgeTopics(text)
    return topics.length > 0 ? topics : undefined
  },
)
