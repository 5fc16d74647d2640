import type { Qos } from '../../topic/message.ts'
import type { Bundles } from './bundles.ts'
import { createRestoredBundles } from './bundles-restored.ts'
import type { Changes } from './changes.ts'
import { entryBytes } from './queue-entry.ts'
import type { Sessions } from './sessions.ts'
import type { SharedMessages } from './shared-messages.ts'
import type { Ids } from './store-context.ts'

/** Fills the queues from the journal. */
export function createQueueRestore(
  ids: Ids,
  sessions: Sessions,
  messages: SharedMessages,
  bundles: Bundles,
) {
  const restored = createRestoredBundles(ids, sessions, messages, bundles)

  return {
    audience: restored.audience,
    bundle(...[id, , audience, message, qos, retain, identifiers, since]: Changes['bundle']): void {
      const list: number[] | null = identifiers === null ? null : JSON.parse(identifiers)
      const bytes = entryBytes(messages.restored(message)?.bytes ?? 0, list)
      restored.bundle(
        {
          id,
          qos: qos as 1 | 2,
          retain: retain === 1,
          identifiers: list,
          since,
          bytes,
          packetId: 0,
          left: 0,
          isStored: true,
          isCounted: true,
          early: new Map(),
        },
        audience,
        message,
      )
    },
    entry(
      id: number,
      sessionId: number | null,
      messageId: number | null,
      qos: Qos,
      packetId: number | null,
      retain: 0 | 1,
      identifiers: string | null,
      since: number,
    ): void {
      ids.skipPast(id)
      const bundle = restored.noteOwnRow(id)
      const session = sessionId === null ? undefined : sessions.byId(sessionId)
      const shared = messageId === null ? undefined : messages.restored(messageId)
      // the gateway ended before it stored the removal of this row
      if (!session || (messageId !== null && !shared)) return
      if (bundle) bundle.left += 1
      else if (shared) messages.addHolder(shared)
      const list: number[] | null = identifiers === null ? null : JSON.parse(identifiers)
      session.queue.admit({
        id,
        qos: qos as 1 | 2,
        retain: retain === 1,
        identifiers: list,
        sharedName: null,
        message: shared?.message ?? null,
        shared: shared ?? null,
        bundle,
        since,
        bytes: shared ? entryBytes(shared.bytes, list) : 0,
        packetId: packetId ?? 0,
        isReleased: messageId === null,
        isMoving: false,
      })
    },
    end(): void {
      restored.end()
      messages.endRestore()
    },
  }
}
