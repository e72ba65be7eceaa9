import { randomUUID } from 'node:crypto'
import type { Db, Pool } from '../../database.ts'
import { MINUTE_MS, type Instant } from '../../lib/time.ts'
import { worksAt } from '../handovers/domain.ts'
import { isForbidden, isPassing, WecomError, type Answer, type Wecom, type WecomCall } from '../wecom/service.ts'
import { channelUrl, stepOf, wantedOf, type Code, type CodeKind, type Colleague, type Told } from './domain.ts'
import {
  claimCode,
  releaseCode,
  selectColleagues,
  selectKnownConfigs,
  selectStandingCodes,
  updateBegun,
  updateDue,
  updateInWecom,
  type CodeRow,
} from './queries.ts'

/**
 * Tells WeCom what a code is to be. The row is there first, with its state; then WeCom is asked, then its id is written.
 * A process may die at any point of that: the row says that WeCom was asked, so whoever goes on looks first whether
 * there is one with this state, and takes away what is there twice.
 */

export interface Telling {
  pool: Pool
  wecom: Wecom
  brandId: number
  now: () => Instant
}

/** Within which a process must be done with a code; then another takes it. */
const LEASE_MS = 2 * MINUTE_MS
/** After a refusal that somebody has to do something about. */
const REFUSED_AGAIN_MS = 60 * MINUTE_MS
/** WeCom may still carry out what it did not answer: it is not asked again before. */
const UNANSWERED_AGAIN_MS = 30_000
const AGAIN_MS_MAX = 30 * MINUTE_MS
const PAGE = 500

/** `41044` is said of an id that WeCom does not have, and `41037` of one that it cannot read. */
const UNKNOWN_ID: ReadonlySet<number> = new Set([41037, 41044])

interface Apis {
  make: string
  change: string
  remove: string
  get: string
  id: 'config_id' | 'link_id'
}

const APIS: Readonly<Record<CodeKind, Apis>> = {
  contact_way: {
    make: 'externalcontact/add_contact_way',
    change: 'externalcontact/update_contact_way',
    remove: 'externalcontact/del_contact_way',
    get: 'externalcontact/get_contact_way',
    id: 'config_id',
  },
  acquisition_link: {
    make: 'externalcontact/customer_acquisition/create_link',
    change: 'externalcontact/customer_acquisition/update_link',
    remove: 'externalcontact/customer_acquisition/delete_link',
    get: 'externalcontact/customer_acquisition/get',
    id: 'link_id',
  },
  group_join_way: {
    make: 'externalcontact/groupchat/add_join_way',
    change: 'externalcontact/groupchat/update_join_way',
    remove: 'externalcontact/groupchat/del_join_way',
    get: 'externalcontact/groupchat/get_join_way',
    id: 'config_id',
  },
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const record = (value: unknown): Answer => (typeof value === 'object' && value !== null ? (value as Answer) : {})

/** What WeCom says of a code: its id, where it leads, and which of ours it is. */
interface InWecom {
  configId: string | null
  url: string | null
  /** Whether it carries this state. */
  isOf: (state: string) => boolean
}

function readCode(kind: CodeKind, answer: Answer): InWecom {
  if (kind === 'acquisition_link') {
    const link = record(answer['link'])
    const name = text(link['link_name']) ?? ''
    return { configId: text(link['link_id']), url: text(link['url']), isOf: state => name.endsWith(` ${state}`) }
  }
  const way = record(answer[kind === 'contact_way' ? 'contact_way' : 'join_way'] ?? answer)
  return { configId: text(way['config_id']), url: text(way['qr_code']), isOf: state => way['state'] === state }
}

/** What WeCom has of a code now. */
interface Known {
  configId: string | null
  url: string | null
  told: Told | null
  begunAt: Instant | null
}

/**
 * Does one code that is due.
 *
 * @param codeId only this one; without it the one that has waited longest
 * @param call how patiently
 * @returns whether there was one
 * @throws whatever is no refusal of WeCom's
 */
export async function tellOne(
  telling: Telling,
  { codeId = null, call = { patience: 'job', deadlineMs: 30_000 } }: { codeId?: string | null; call?: WecomCall } = {},
): Promise<boolean> {
  const { pool, brandId, now } = telling
  const leaseId = randomUUID()
  const at = now()
  const code = await claimCode(pool, { brandId, codeId, leaseId, now: at, leasedUntil: at + LEASE_MS })
  if (!code) return false
  const release = (how: { isDue: boolean; afterMs: number; fault?: string; error?: WecomError; hasFailed?: boolean }) =>
    releaseCode(pool, {
      brandId,
      codeId: code.codeId,
      leaseId,
      isDue: how.isDue,
      dueAt: now() + how.afterMs,
      fault: how.fault ?? null,
      errcode: how.error?.errcode ?? null,
      address: how.error?.address ?? null,
      hasFailed: how.hasFailed ?? false,
      changedAt: code.changedAt,
    })
  try {
    const isThere = await carryOut(telling, code, leaseId, call)
    // Somebody may come to work, or be let in: it is looked at again.
    if (isThere) await release({ isDue: false, afterMs: 0 })
    else await release({ isDue: true, afterMs: REFUSED_AGAIN_MS, fault: 'nobody' })
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const { tries, fault } = code
    const laterMs = Math.min(UNANSWERED_AGAIN_MS * 2 ** Math.min(tries, 10), AGAIN_MS_MAX)
    if (isPassing(error)) {
      await release({ isDue: true, afterMs: laterMs, hasFailed: true, ...(fault === null ? {} : { fault }) })
    } else {
      const afterMs = isForbidden(error) ? AGAIN_MS_MAX : REFUSED_AGAIN_MS
      await release({ isDue: true, afterMs, fault: 'refused', error, hasFailed: true })
    }
  }
  return true
}

/** @returns false where there is nobody to be added by it */
async function carryOut(telling: Telling, code: CodeRow, leaseId: string, how: WecomCall): Promise<boolean> {
  const { pool, wecom, brandId, now } = telling
  const { codeId, kind } = code
  const apis = APIS[kind]
  const wanted = wantedOf(code, await colleaguesOf(pool, { brandId, codes: [code], now: now() }))
  let known: Known = code
  const keep = async (change: Partial<Known>) => {
    const { configId, url, told, begunAt } = { ...known, ...change }
    known = { configId, url, told, begunAt }
    const isMine = await updateInWecom(pool, { brandId, codeId, leaseId, ...known })
    if (!isMine) throw new Error('another process goes on with this code')
  }
  const ask = (api: string, body: Told, isHarmless: boolean) => wecom.call(api, { ...how, body, isHarmless })
  const gone = () => keep({ configId: null, url: null, told: null })

  for (;;) {
    const step = stepOf(code, known, wanted)
    if (step === 'nothing') {
      // Begun, and wanted no more: what may have been made is taken away.
      if (known.configId === null && known.begunAt !== null) await takeAway(telling, code, how)
      if (known.begunAt !== null) await keep({ begunAt: null })
      return true
    }
    if (step === 'nobody') return false
    const ownId = { [apis.id]: known.configId }
    if (step === 'make') {
      const [found, ...strays] = known.begunAt === null ? [] : await findMade(telling, code, known.begunAt, how)
      for (const { configId } of strays) await removeInWecom(wecom, kind, configId!, how)
      if (found) {
        await keep({ configId: found.configId, url: urlOf(code, found.url), told: null, begunAt: null })
        continue
      }
      if (!(await updateBegun(pool, { brandId, codeId, leaseId, now: now() }))) return true
      try {
        const made = readCode(kind, await ask(apis.make, wanted!, false))
        if (made.configId === null) throw new WecomError(apis.make, { outcome: 'unknown', why: 'no id' })
        await keep({ configId: made.configId, url: urlOf(code, made.url), told: wanted, begunAt: null })
      } catch (error) {
        // What WeCom refused was not made.
        if (error instanceof WecomError && error.outcome !== 'unknown') await keep({ begunAt: null })
        throw error
      }
    } else if (step === 'change') {
      try {
        await ask(apis.change, { ...ownId, ...changeOf(kind, wanted!) }, true)
        await keep({ told: wanted })
      } catch (error) {
        if (!(error instanceof WecomError) || !UNKNOWN_ID.has(error.errcode ?? 0)) throw error
        await gone()
      }
    } else if (step === 'picture') {
      const { url } = readCode(kind, await ask(apis.get, ownId, true))
      if (url === null) return true
      await keep({ url: urlOf(code, url) })
    } else {
      await removeInWecom(wecom, kind, known.configId!, how)
      await gone()
    }
  }
}

/** What a contact way is for cannot be changed; a join way is replaced as a whole. */
function changeOf(kind: CodeKind, wanted: Told): Told {
  if (kind !== 'contact_way') return wanted
  const { type: _type, scene: _scene, ...rest } = wanted
  return rest
}

const urlOf = ({ kind, state }: Code, url: string | null) =>
  url === null ? null : kind === 'acquisition_link' ? channelUrl(url, state) : url

/** Takes one away; one that is not there any more is as good. @throws WecomError */
async function removeInWecom(wecom: Wecom, kind: CodeKind, configId: string, how: WecomCall): Promise<void> {
  const body = { [APIS[kind].id]: configId }
  try {
    await wecom.call(APIS[kind].remove, { ...how, body, isHarmless: true })
  } catch (error) {
    if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
    if (UNKNOWN_ID.has(error.errcode ?? 0)) return
    // With which code WeCom refuses an id of a link that it does not have is not written anywhere: it is asked.
    const isThere = await wecom.call(APIS[kind].get, { ...how, body, isHarmless: true }).then(
      () => true,
      (second: unknown) => {
        if (!(second instanceof WecomError) || isPassing(second) || isForbidden(second)) throw second
        return false
      },
    )
    if (isThere) throw error
  }
}

async function takeAway(telling: Telling, code: CodeRow, how: WecomCall): Promise<void> {
  for (const { configId } of await findMade(telling, code, code.begunAt!, how)) {
    await removeInWecom(telling.wecom, code.kind, configId!, how)
  }
}

/** Clocks differ, and a call may have waited. */
const LOOK_BACK_SECONDS = 300
const LIST_PAGES_MAX = 50

/** What WeCom has made with this code's state and is not known here. Join ways cannot be listed. */
async function findMade(telling: Telling, code: CodeRow, since: Instant, how: WecomCall): Promise<InWecom[]> {
  const { pool, wecom, brandId, now } = telling
  const { kind, state } = code
  if (kind === 'group_join_way') return []
  const made: InWecom[] = []
  let cursor = ''
  for (let page = 0; page < LIST_PAGES_MAX; page++) {
    const isWay = kind === 'contact_way'
    const span = {
      start_time: Math.floor(since / 1000) - LOOK_BACK_SECONDS,
      end_time: Math.floor(now() / 1000) + LOOK_BACK_SECONDS,
    }
    const answer = await wecom.call(
      isWay ? 'externalcontact/list_contact_way' : 'externalcontact/customer_acquisition/list_link',
      { ...how, body: { ...(isWay ? span : {}), cursor, limit: isWay ? 1000 : 100 }, isHarmless: true },
    )
    const listed: unknown = answer[isWay ? 'contact_way' : 'link_id_list']
    const ids = (Array.isArray(listed) ? listed : []).flatMap(
      (one: unknown) => text(isWay ? record(one)['config_id'] : one) ?? [],
    )
    const known = await selectKnownConfigs(pool, { brandId, configIds: ids })
    for (const configId of ids.filter(id => !known.has(id))) {
      const body = { [APIS[kind].id]: configId }
      const own = readCode(kind, await wecom.call(APIS[kind].get, { ...how, body, isHarmless: true }))
      if (own.isOf(state)) made.push({ ...own, configId })
    }
    cursor = text(answer['next_cursor']) ?? ''
    if (cursor === '') break
  }
  return made
}

/** Who may stand behind these codes. */
export async function colleaguesOf(
  db: Db,
  { brandId, codes, now }: { brandId: number; codes: readonly Code[]; now: Instant },
): Promise<Colleague[]> {
  const people = codes.filter(code => code.kind !== 'group_join_way')
  if (people.length === 0) return []
  const options = { brandId, storeCodes: people.flatMap(code => code.storeCode ?? []), associateIds: people.flatMap(code => code.associateId ?? []) } // prettier-ignore
  let rows = await selectColleagues(db, options)
  const isGone = ({ employments, isOut }: (typeof rows)[number]) => isOut === true || !worksAt(employments, now)
  const leftStores = rows
    .filter(row => options.associateIds.includes(row.associateId) && isGone(row))
    .flatMap(row => row.storeCode ?? [])
  if (leftStores.length > 0) {
    rows = await selectColleagues(db, { ...options, storeCodes: [...options.storeCodes, ...leftStores] })
  }
  return rows.map(row => ({
    associateId: row.associateId,
    storeCode: row.storeCode,
    isManager: row.role === 'manager',
    canBeAdded: row.kind !== 'customer' && !isGone(row),
  }))
}

/**
 * Finds codes whose people are others than WeCom was told: somebody came, left or moved to another store.
 *
 * @returns how many are due by it
 */
export async function planCodes({ pool, brandId, now }: Omit<Telling, 'wecom'>): Promise<number> {
  let after: string | null = null
  let count = 0
  for (;;) {
    const codes: CodeRow[] = await selectStandingCodes(pool, { brandId, after, limit: PAGE })
    const at = now()
    const colleagues = await colleaguesOf(pool, { brandId, codes, now: at })
    const codeIds = codes
      .filter(code => stepOf(code, code, wantedOf(code, colleagues)) !== 'nothing')
      .map(code => code.codeId)
    await updateDue(pool, { brandId, codeIds, now: at })
    count += codeIds.length
    const last = codes.at(-1)
    if (!last || codes.length < PAGE) return count
    after = last.codeId
  }
}
