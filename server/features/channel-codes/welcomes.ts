import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { canonicalJson } from '../../lib/items.ts'
import { DAY_MS, formatInstant, MINUTE_MS, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import { selectBrand } from '../auth/service.ts'
import { pictureAddress } from '../catalogue/domain.ts'
import { sharePicture } from '../materials/service.ts'
import { allowedRedirect, linkAddresses } from '../share-links/domain.ts'
import { createLink, type LinkRow } from '../share-links/service.ts'
import { selectAssociates, selectStores, type AssociateRow } from '../stores/service.ts'
import { isForbidden, isPassing, WecomError, type Wecom } from '../wecom/service.ts'
import {
  BEING_SENT,
  DEFAULT_WELCOME,
  outcomeOf,
  TEXT_BYTES_MAX,
  unknownVariables,
  WELCOME_MS,
  welcomeAttachments,
  welcomeText,
  type WelcomeOutcome,
  type WelcomeSettings,
} from './domain.ts'
import {
  claimWelcome,
  deleteOldWelcomes,
  finishWelcome,
  insertWelcome,
  insertWelcomeLink,
  selectMedia,
  selectStoreOfState,
  selectWelcomeLink,
  selectWelcomeSettings,
  updateLostWelcomes,
  updateWelcomeLink,
  upsertMedia,
  upsertWelcomeSettings,
  type WelcomeRow,
} from './queries.ts'
import type { ShownWelcome, WelcomeBody } from './schema.ts'

/**
 * The welcome of a new friend: written down as soon as the event is read, said once, and only within the time that
 * WeCom gives. It carries the associate's own link to the enrolment page.
 */

export interface Welcoming {
  pool: Pool
  vault: Vault
  wecom: Wecom
  brandId: number
  publicUrl: string
  /** null: no mini program is configured. */
  miniProgramAppId: string | null
  now: () => Instant
}

// -------------------------------------------------------------------------------------------------- settings

/** What new friends are told. */
export async function readWelcome(db: Db, brandId: number): Promise<ShownWelcome> {
  const row = await selectWelcomeSettings(db, { brandId })
  const { isOn, text, title, path, url, imageUrl } = row ?? DEFAULT_WELCOME
  const changedAt = row ? formatInstant(row.changedAt) : null
  return { on: isOn, text, title, path, url, imageUrl, changedBy: row?.changedBy ?? null, changedAt }
}

/** @throws AppError invalid_body naming every fault */
export async function changeWelcome(
  pool: Pool,
  options: {
    brandId: number
    actor: string
    body: WelcomeBody
    publicUrl: string
    allowedRedirects: readonly string[]
    now: Instant
  },
): Promise<ShownWelcome> {
  const { brandId, actor, body, now } = options
  const settings: WelcomeSettings = {
    isOn: body.on,
    text: body.text,
    title: body.title ?? null,
    path: body.path ?? null,
    url: body.url ?? null,
    imageUrl: body.imageUrl ?? null,
  }
  const faults = faultsOf(settings, options)
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
  await transact(pool, async tx => {
    await upsertWelcomeSettings(tx, { brandId, row: { ...settings, changedBy: actor, changedAt: now } })
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'welcome.changed',
      subject: 'settings/welcome',
      details: { ...body },
    })
  })
  return await readWelcome(pool, brandId)
}

function faultsOf(
  { text, url, imageUrl }: WelcomeSettings,
  where: { publicUrl: string; allowedRedirects: readonly string[] },
): Fault[] {
  const faults: Fault[] = []
  const fault = (path: string, message: string) => faults.push({ path, code: 'invalid_value', message })
  if (text.trim() === '') fault('text', 'Say something.')
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) fault('text', `It must be at most ${TEXT_BYTES_MAX} bytes.`)
  for (const name of unknownVariables(text)) fault('text', `{${name}} is none of {associate}, {store} and {brand}.`)
  if (url !== null && allowedRedirect(url, where) === null) {
    fault('url', 'It must lead to a page of this service, or to a host that ALLOWED_REDIRECTS names.')
  }
  if (imageUrl !== null && !/^https?:\/\/|^\/(?!\/)/.test(imageUrl)) fault('imageUrl', 'It must be a web address.')
  return faults
}

// ------------------------------------------------------------------------------------------------ being told

/** Two events of one friendship come within this time: they are one welcome. */
const SAME_FRIENDSHIP_MS = 60 * MINUTE_MS

/**
 * Writes down that a welcome may be said. Once for a friendship, however often the event is dealt with.
 *
 * @param isLater he was a friend before, and only now may be written to: not where he was welcomed already
 */
export async function noteWelcome(
  { pool, vault, brandId, now }: Pick<Welcoming, 'pool' | 'vault' | 'brandId' | 'now'>,
  event: { userid: string; externalUserid: string; at: Instant; state: string | null; welcomeCode: string },
  { isLater }: { isLater: boolean },
): Promise<void> {
  const { welcomeCode, ...rest } = event
  await insertWelcome(pool, {
    brandId,
    welcome: { ...rest, codeEncrypted: vault.encrypt(welcomeCode) },
    unlessSince: isLater ? 0 : event.at - SAME_FRIENDSHIP_MS,
    now: now(),
  })
}

// ---------------------------------------------------------------------------------------------------- saying

const CALL_MS = 5000
const AGAIN_MS = 1000

/**
 * Takes the welcome that has waited longest, and begins to say it. It is marked before WeCom is called, so it is never
 * said twice: a process that dies in between leaves it as one of which nobody knows whether it was said.
 *
 * @returns null where none waits
 */
export async function takeWelcome(welcoming: Welcoming): Promise<{ done: Promise<void> } | null> {
  const welcome = await claimWelcome(welcoming.pool, { brandId: welcoming.brandId })
  return welcome && { done: finish(welcoming, welcome) }
}

async function finish(welcoming: Welcoming, welcome: WelcomeRow): Promise<void> {
  const { pool, wecom, brandId, now } = welcoming
  const { status, errcode, linkCode } = await say(welcoming, welcome)
  const { externalUserid, userid, at } = welcome
  await finishWelcome(pool, { brandId, externalUserid, userid, at, status, errcode, linkCode, now: now() })
  wecom.meter.welcomed(status)
}

interface Said {
  status: WelcomeOutcome | 'late'
  errcode: number | null
  linkCode: string | null
}

async function say(welcoming: Welcoming, welcome: WelcomeRow): Promise<Said> {
  const { pool, vault, wecom, brandId, now } = welcoming
  const endsAt = welcome.at + WELCOME_MS
  const ended = (status: Said['status'], errcode: number | null = null): Said => ({ status, errcode, linkCode: null })
  if (now() >= endsAt) return ended('late')
  const [associate] = await selectAssociates(pool, { brandId, associateIds: [welcome.userid] })
  const settings = (await selectWelcomeSettings(pool, { brandId })) ?? DEFAULT_WELCOME
  if (!associate || !settings.isOn) return ended('needless')
  const message = await composeWelcome(welcoming, { associate, settings, state: welcome.state })
  const { linkCode, text } = message
  const welcome_code = vault.decrypt(welcome.codeEncrypted)
  let [attachments, ...others] = message.attachments
  for (;;) {
    const leftMs = endsAt - now()
    if (leftMs <= 0) return { ...ended('late'), linkCode }
    try {
      const body = { welcome_code, text: { content: text }, attachments }
      await wecom.call('externalcontact/send_welcome_msg', {
        body,
        isHarmless: false,
        deadlineMs: Math.min(CALL_MS, leftMs),
      })
      return { status: 'sent', errcode: null, linkCode }
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      const status = outcomeOf(error)
      const isRefused = status === 'refused' && error.errcode !== null && !isPassing(error) && !isForbidden(error)
      if (error.errcode === BEING_SENT && endsAt - now() > AGAIN_MS) {
        await sleep(AGAIN_MS)
      } else if (isRefused && error.errcode !== BEING_SENT && others.length > 0) {
        // What was refused was not sent: the card may be at fault, a link is none.
        ;[attachments, ...others] = others
      } else return { status, errcode: error.errcode, linkCode }
    }
  }
}

/** The words, and the enrolment page by the associate's link: as a card where that can be, and as a link. */
async function composeWelcome(
  welcoming: Welcoming,
  { associate, settings, state }: { associate: AssociateRow; settings: WelcomeSettings; state: string | null },
) {
  const { pool, brandId, publicUrl, miniProgramAppId, now } = welcoming
  const codeStore = state === null ? null : await selectStoreOfState(pool, { brandId, state })
  const storeCode = codeStore ?? associate.storeCode
  const [brand, stores, media] = await Promise.all([
    selectBrand(pool, { brandId }),
    selectStores(pool, { brandId, storeCodes: storeCode === null ? [] : [storeCode] }),
    selectMedia(pool, { brandId, contentHash: PICTURE_HASH }),
  ])
  const brandName = brand?.name ?? ''
  const storeName = stores[0]?.name ?? brandName
  const target: LinkRow['target'] = {
    kind: 'enrol',
    ref: storeCode ?? associate.associateId,
    title: settings.title ?? `加入${brandName}会员`,
    ...(settings.path === null ? {} : { path: settings.path }),
    ...(settings.url === null ? {} : { url: settings.url }),
    ...(settings.imageUrl === null ? {} : { imageUrl: settings.imageUrl }),
  }
  const at = now()
  const linkCode = await transact(pool, tx => linkTo(tx, { brandId, associateId: associate.associateId, storeCode, target, now: at })) // prettier-ignore
  const { url, miniProgramPath } = linkAddresses(linkCode, target.path, publicUrl)
  const page = {
    title: target.title!,
    text: [brandName, storeName].filter((name, i, all) => name !== '' && all.indexOf(name) === i).join(' · '),
    url,
    imgUrl: pictureAddress(target.imageUrl, publicUrl),
  }
  const card =
    miniProgramAppId !== null && miniProgramPath !== null && media !== null && media.expiresAt > at
      ? { appId: miniProgramAppId, path: miniProgramPath, mediaId: media.mediaId }
      : null
  return {
    linkCode,
    text: welcomeText(settings.text, { associate: associate.name, store: storeName, brand: brandName }),
    attachments: [...(card ? [card] : []), null].map(each => welcomeAttachments({ ...page, card: each })),
  }
}

/** The link of an associate's welcomes to a page: one for all who are sent there. */
async function linkTo(
  tx: Tx,
  options: {
    brandId: number
    associateId: string
    storeCode: string | null
    target: LinkRow['target']
    now: Instant
  },
): Promise<string> {
  const { brandId, associateId, storeCode, target, now } = options
  const targetHash = createHash('sha256').update(canonicalJson({ storeCode, target })).digest('hex')
  const before = await selectWelcomeLink(tx, { brandId, associateId, targetHash })
  if (before && !before.isRevoked) return before.linkCode
  const { linkCode } = await createLink(tx, {
    brandId,
    now,
    link: {
      associateId,
      storeCode,
      target,
      channel: 'single_chat',
      sentToExternalUserid: null,
      sentToChatId: null,
      createdAt: now,
    },
  })
  // Two at once: the second one's insert fails, and its next try finds the first one's link.
  const write = before ? updateWelcomeLink : insertWelcomeLink
  await write(tx, { brandId, associateId, targetHash, linkCode })
  return linkCode
}

// --------------------------------------------------------------------------------------------------- upkeep

const PICTURE_HASH = createHash('sha256').update(sharePicture).digest('hex')
const MEDIA_MS = 3 * DAY_MS
const MEDIA_SPARE_MS = DAY_MS

/** Uploads the card's picture in good time: WeCom keeps it for three days, and a welcome cannot wait for it. */
export async function keepPicture({ pool, wecom, brandId, miniProgramAppId, now }: Welcoming): Promise<void> {
  if (miniProgramAppId === null) return
  if (((await selectWelcomeSettings(pool, { brandId })) ?? DEFAULT_WELCOME).path === null) return
  const at = now()
  const media = await selectMedia(pool, { brandId, contentHash: PICTURE_HASH })
  if (media && media.expiresAt > at + MEDIA_SPARE_MS) return
  const answer = await wecom.call('media/upload', {
    query: { type: 'image' },
    file: { name: 'card.png', type: 'image/png', bytes: new Uint8Array(sharePicture) },
    isHarmless: true,
    patience: 'job',
    deadlineMs: 60_000,
  })
  const mediaId = answer['media_id']
  if (typeof mediaId !== 'string') return
  const expiresAt = at + MEDIA_MS - MINUTE_MS
  await upsertMedia(pool, { brandId, contentHash: PICTURE_HASH, mediaId, expiresAt })
}

/** A minute is more than any call may take. */
const LOST_MS = MINUTE_MS

/** Says of welcomes whose process died that nobody knows what became of them. */
export async function endLostWelcomes({ pool, wecom, brandId, now }: Welcoming): Promise<void> {
  const at = now()
  const count = await updateLostWelcomes(pool, { brandId, before: at - LOST_MS, now: at })
  for (let i = 0; i < count; i++) wecom.meter.welcomed('unsure')
}

export const KEPT_DAYS = 90

export const forgetOldWelcomes = (db: Db, now: Instant) => deleteOldWelcomes(db, { before: now - KEPT_DAYS * DAY_MS })
