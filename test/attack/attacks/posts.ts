import { type Attack, inLanes, post } from '../flood.ts'

const CONNECTIONS = 64

export const posts: Attack = {
  about: 'posts single readings on 64 connections, each after the previous answer',
  start(target) {
    const path = `/topics/dev/${target.id}/flood?qos=1`
    const request = Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx`,
    )
    inLanes(CONNECTIONS, () => post(target, request))
  },
}
