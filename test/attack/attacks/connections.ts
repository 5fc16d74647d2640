import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { ATTACKERS_ADDRESS, type Attack, ending, inLanes, open } from '../flood.ts'

const BARE = 1000
const IDLE = 400
const AT_ONCE = 8
const HELD_MS = 30_000

export const bareConnections: Attack = {
  about: 'holds 1,000 silent TCP connections, and reopens those that the gateway closes',
  start({ ports }) {
    inLanes(BARE, async (lane) => {
      const port = lane % 2 === 0 ? ports.device : ports.mqtt
      const socket = connect({ host: '127.0.0.1', port, localAddress: ATTACKERS_ADDRESS })
      socket.on('error', () => {})
      await ending(socket)
    })
  },
}

export const idleDevice: Attack = {
  about: 'holds 400 connections of one device that are silent after the handshake',
  start(target) {
    let opened = 0
    inLanes(AT_ONCE, async () => {
      if (opened >= IDLE) {
        await pause(HELD_MS)
        return
      }
      opened += 1
      const socket = await open(target)
      socket.resume()
      void ending(socket).then(() => {
        opened -= 1
      })
    })
  },
}

export const handshakes: Attack = {
  about: 'does TLS handshakes without a certificate, eight at a time, each on a new connection',
  start(target) {
    inLanes(AT_ONCE, async () => {
      const socket = await open(target, { isStranger: true })
      socket.destroy()
      await ending(socket)
    })
  },
}
