import { randomBytes } from 'node:crypto'
import { encrypt, getSignature } from '@wecom/crypto'
import { countOldSeals } from '../data-keys/service.ts'
import { wecomHealth } from '../mirror/service.ts'
import { DEFAULT_BRAND_ID } from '../auth/service.ts'
import { getOwn, settingOf } from './address.ts'
import { bad, ECHO_MS, good, INBOX_LATE_SECONDS, unknown, type Finding } from './domain.ts'
import { selectPeople, selectSealed } from './queries.ts'
import type { Examined } from './service.ts'

/** What comes and goes: callbacks, events, the walks through WeCom, people who may come in. */
export async function* examineTraffic(examined: Examined): AsyncGenerator<Finding> {
  yield await callback(examined)
  const { pool, brand, now } = examined
  const { brandId } = brand
  try {
    yield await dataKey(examined)
    const health = await wecomHealth(pool, {
      brandId,
      now: now(),
      configured: brand.wecom !== null,
      callbacks: brand.callbackKeys !== null,
    })
    yield* events(health.inbox)
    yield* syncs(health)
    yield await people(examined)
  } catch (error) {
    yield unknown('database.tables', `What came so far could not be read: ${(error as Error).message}`, 'See what is said of the database above.') // prettier-ignore
  }
}

type Health = Awaited<ReturnType<typeof wecomHealth>>

/** The echo, as WeCom asks for it when the address is saved. */
async function callback({ settings, brand }: Examined): Promise<Finding> {
  const step = 'callback.echo'
  const { callbackKeys: keys, slug } = brand
  const address = `${settings.publicUrl}/wecom/callback${brand.brandId === DEFAULT_BRAND_ID ? '' : `/${slug}`}`
  const where = '应用管理 → the app → 接收消息 → 设置API接收'
  if (!keys) {
    return bad(
      step,
      'Callbacks are not set up: the service does not hear of new friends.',
      `${where}: enter ${address}, let it make Token and EncodingAESKey, ${settingOf(slug, 'WECOM_CALLBACK_TOKEN and WECOM_CALLBACK_AES_KEY to them and restart', '--secrets')}, then save.`,
    )
  }
  const text = randomBytes(8).toString('hex')
  const secret = encrypt(keys.aesKey, text, keys.corpId, randomBytes(16))
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = randomBytes(6).toString('hex')
  const query = new URLSearchParams({
    msg_signature: getSignature(keys.token, timestamp, nonce, secret),
    timestamp,
    nonce,
    echostr: secret,
  })
  const answer = await getOwn(`${address}?${query}`)
  if ('fault' in answer) {
    return bad(step, `${address} does not answer (${answer.fault}).`, 'WeCom must reach it from outside: start the service, then look at proxy and firewall.') // prettier-ignore
  }
  if (answer.status === 200 && answer.text === text) {
    return answer.ms <= ECHO_MS
      ? good(step, `${address} gives WeCom’s echo back, in ${answer.ms} ms.`)
      : bad(step, `${address} gives the echo back, but only after ${answer.ms} ms: WeCom waits one second.`, 'Look for what is slow between proxy, service and database.') // prettier-ignore
  }
  const next =
    answer.status === 403
      ? 'The service that runs has another token or key than this: give it the same settings and restart it.'
      : answer.status === 503
        ? 'The service that runs has no callback settings: give it the same settings and restart it.'
        : 'The proxy must hand this path on as it is: no login, no redirect, no page of its own, nothing added to the answer.'
  return bad(step, `${address} does not give the echo back (HTTP ${answer.status}).`, next)
}

async function dataKey({ pool, vault, settings, brand }: Examined): Promise<Finding> {
  const step = 'data_key'
  const sealed = await selectSealed(pool, { brandId: brand.brandId })
  if (!sealed)
    return good(
      step,
      'DATA_KEY is there; nothing is sealed with it yet. Keep a copy where the database’s backup is not.',
    )
  try {
    vault.decrypt(sealed)
    if (settings.formerDataKeys.length === 0) return good(step, 'DATA_KEY opens what is kept.')
    const left = await countOldSeals(pool, vault)
    return left === 0
      ? good(step, 'Everything is sealed with DATA_KEY: DATA_KEY_OLD can be taken out of the settings.')
      : bad(step, `${left} rows are still sealed with an old key.`, 'Run npm run data-keys -- rotate; keep DATA_KEY_OLD until it is through.') // prettier-ignore
  } catch {
    return bad(
      step,
      'DATA_KEY does not open what is kept.',
      'Set the DATA_KEY that the service had; without it phone numbers stay sealed for good.',
    )
  }
}

function* events({ lastReceivedAt, waiting, oldestSeconds, setAside }: Health['inbox']): Generator<Finding> {
  yield lastReceivedAt === null
    ? unknown(
        'callback.events',
        'No event came yet.',
        'Tick 外部联系人变更回调 under 设置API接收, then change a customer’s remark in WeCom and look again.',
      )
    : good('callback.events', `The last event came at ${lastReceivedAt}.`)
  if (waiting > 0 && oldestSeconds > INBOX_LATE_SECONDS) {
    yield bad(
      'callback.waiting',
      `${waiting} events wait, the oldest for ${Math.round(oldestSeconds / 60)} minutes.`,
      'Let the service run; its log says what keeps it, and GET /api/v1/wecom/health shows it.',
    )
  }
  if (setAside > 0) {
    yield bad(
      'callback.set_aside',
      `${setAside} events were set aside.`,
      'GET /api/v1/wecom/callbacks?status=set_aside says why; POST …/{id}/replay has one dealt with again.',
    )
  }
}

function* syncs({ configured, lastDone, sync, faults, counts }: Health): Generator<Finding> {
  if (!configured) return
  const step = 'sync'
  if (!lastDone) {
    yield sync
      ? unknown(step, `The first sync is under way (${sync.stage}).`)
      : unknown(step, 'Nothing was synchronised yet.', 'The service begins by itself within seconds of its start.')
  } else if (faults.length === 0) {
    const seen = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
    yield good(step, `The last sync ended at ${lastDone.finishedAt}: ${seen.join(', ')}.`)
  }
  const told = new Set<string>()
  for (const { stage, errcode, advice } of faults) {
    if (told.has(advice.en)) continue
    told.add(advice.en)
    yield bad(
      step,
      `The last sync could not see all (${stage}, ${errcode === null ? 'no answer' : `error ${errcode}`}).`,
      advice.en,
    )
  }
}

async function people({ pool, brand }: Examined): Promise<Finding> {
  const { people, headquarters } = await selectPeople(pool, { brandId: brand.brandId })
  return headquarters + brand.headquarters.length > 0
    ? good('people', `${people} people are registered; headquarters can come in.`)
    : bad(
        'people',
        'Nobody of headquarters can come in.',
        `For whoever administers this, ${settingOf(brand.slug, 'BOOTSTRAP_HEADQUARTERS to his WeCom userid', '--headquarters USERID')}.`,
      )
}
