/** WeCom's side of the callbacks: seals each event and sends it, and again where nobody says that it was heard. */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { encrypt, getSignature } from '@wecom/crypto'
import type { CallbackFields, World } from './world.ts'

export interface CallbackAddress {
  url: string
  token: string
  aesKey: string
}

const TIMEOUT_MS = 5000
const TRIES = 4

/** Sends the world's events from now on. @returns ends it, when what is under way is done */
export function startCallbacks(world: World, address: CallbackAddress): () => Promise<void> {
  const underWay = new Set<Promise<void>>()
  const [isDoubled, isUnheard] = [evenly(), evenly()]

  const send = async (xml: string): Promise<void> => {
    const { doubled, latencyMs } = world.deliveries
    if (latencyMs > 0) await sleep(latencyMs)
    await Promise.all(Array.from({ length: isDoubled(doubled) ? 2 : 1 }, () => sendUntilHeard(xml)))
  }
  const sendUntilHeard = async (xml: string): Promise<void> => {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const { query, body } = seal(world.corpId, address, xml)
      const headers = { 'content-type': 'text/xml' }
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const isOk = await fetch(`${address.url}?${query}`, { method: 'POST', headers, body, signal }).then(
        answer => answer.ok,
        () => false,
      )
      if (isOk && !isUnheard(world.deliveries.unheard)) return
    }
  }

  const unsubscribe = world.subscribe(event => {
    if (event.kind !== 'callback') return
    const sending = send(toXml(event.fields)).finally(() => underWay.delete(sending))
    underWay.add(sending)
  })
  return async () => {
    unsubscribe()
    await Promise.all(underWay)
  }
}

/** Says yes for a part of all that it is asked about, the same ones in each run. */
function evenly(): (part: number) => boolean {
  let due = 0
  return part => {
    due += part
    if (due < 1) return false
    due -= 1
    return true
  }
}

function seal(corpId: string, { token, aesKey }: CallbackAddress, xml: string) {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = randomBytes(6).toString('hex')
  const secret = encrypt(aesKey, xml, corpId, createHash('md5').update(nonce).digest())
  const query = new URLSearchParams({ msg_signature: getSignature(token, timestamp, nonce, secret), timestamp, nonce })
  return {
    query,
    body: `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><Encrypt><![CDATA[${secret}]]></Encrypt></xml>`,
  }
}

const cdata = (text: string) => `<![CDATA[${text}]]>`

/** Texts as CDATA, numbers plain, lists as items. */
export function toXml(fields: CallbackFields): string {
  const parts = Object.entries(fields).map(([name, value]) => {
    const inner =
      typeof value === 'number'
        ? String(value)
        : typeof value === 'string'
          ? cdata(value)
          : value.map(item => `<Item>${cdata(item)}</Item>`).join('')
    return `<${name}>${inner}</${name}>`
  })
  return `<xml>${parts.join('')}</xml>`
}
