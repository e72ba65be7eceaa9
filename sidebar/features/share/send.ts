import { ref, type Ref } from 'vue'
import type { Share, ShareRequest } from '../../../server/features/catalogue/schema.ts'
import { copyText } from '../../lib/clipboard.ts'
import { toDiagnosis, type Diagnosis } from '../../lib/diagnosis.ts'
import { createUuid } from '../../lib/ids.ts'
import { service } from '../../lib/service.ts'
import { sendToChat, type Entry } from '../../lib/wecom.ts'

export type SendState =
  | { status: 'idle' }
  | { status: 'sending' }
  | { status: 'sent'; linkCode: string }
  /** It went, but the service could not be told: the customer has it and the screen must not ask for it again. */
  | { status: 'unrecorded' }
  | { status: 'cancelled' }
  | { status: 'copied' }
  /** Nothing could be copied for us: the address is shown, to be copied by hand. */
  | { status: 'shown'; url: string }
  | { status: 'failed'; diagnosis: Diagnosis }

type Target = ShareRequest['target']

/** Where a send goes: this chat, or nowhere in particular where only the link can be copied. */
export function toRecipient(entry: Entry): Pick<ShareRequest, 'sentTo' | 'channel'> | null {
  if (entry.kind === 'customer') return { sentTo: { externalUserid: entry.externalUserid }, channel: 'single_chat' }
  if (entry.kind === 'group') return { sentTo: { chatId: entry.chatId }, channel: 'group_chat' }
  return null
}

/**
 * One thing to share, sent or copied.
 *
 * A link that was made for a send that did not go is used by the next try: one link per send, and a retry after a
 * lost answer asks with the same id.
 */
export function useSend(): {
  state: Ref<SendState>
  send: (target: Target, entry: Entry) => Promise<void>
  copy: (target: Target) => Promise<void>
} {
  const state = ref<SendState>({ status: 'idle' })
  let open: { shareId: string; share: Share | null } | null = null

  async function run(step: () => Promise<SendState>): Promise<void> {
    if (state.value.status === 'sending') return
    state.value = { status: 'sending' }
    try {
      state.value = await step()
    } catch (error) {
      state.value = { status: 'failed', diagnosis: toDiagnosis(error) }
    }
  }

  const send = (target: Target, entry: Entry) =>
    run(async () => {
      const recipient = toRecipient(entry)
      if (!recipient) return { status: 'idle' }
      open ??= { shareId: createUuid(), share: null }
      open.share ??= await service.share({ shareId: open.shareId, target, ...recipient })
      const { share } = open
      const outcome = await sendToChat(share)
      if (outcome.kind === 'cancelled') return { status: 'cancelled' }
      if (outcome.kind === 'failed') return { status: 'failed', diagnosis: outcome.diagnosis }
      open = null
      const { linkCode } = share
      return (await recordSent(linkCode)) ? { status: 'sent', linkCode } : { status: 'unrecorded' }
    })

  const copy = (target: Target) =>
    run(async () => {
      const share = await service.share({ shareId: createUuid(), target, sentTo: null, channel: 'other' })
      return (await copyText(share.url)) ? { status: 'copied' } : { status: 'shown', url: share.url }
    })

  return { state, send, copy }
}

/** Told again where the answer is lost; the service takes each link's sending once. */
async function recordSent(linkCode: string): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await service.recordSent(linkCode)
      return true
    } catch {
      await new Promise(resolve => setTimeout(resolve, 800 * (attempt + 1)))
    }
  }
  return false
}
