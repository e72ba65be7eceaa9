import { cutToBytes } from '../../lib/text.ts'
import { DAY_MS, instantOfLocal, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { miniProgramPage } from '../catalogue/domain.ts'
import { pictureIdOf, type Reach } from '../materials/domain.ts'

/** The content calendar, and what WeCom is told of it: rules over plain values. */

export const PLACES = ['single_chat', 'group_chat', 'moments'] as const
export type PostPlace = (typeof PLACES)[number]

export const VIAS = ['hand', 'group_message', 'moments'] as const
export type Via = (typeof VIAS)[number]

export interface Post extends Reach {
  postId: string
  day: string
  fromTime: string
  toTime: string
  places: readonly PostPlace[]
  text: string
  pictures: readonly string[]
  materialIds: readonly string[]
  via: Via
}

/** The hours of a day as instants, half-open; `24:00` is the end of the day. null: no such day. */
export function spanOfPost(
  { day, fromTime, toTime }: Pick<Post, 'day' | 'fromTime' | 'toTime'>,
  zone: string,
): { startsAt: Instant; endsAt: Instant } | null {
  const midnight = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return null
  const at = (time: string) => {
    const [hours, minutes] = time.split(':').map(Number) as [number, number]
    return instantOfLocal(midnight + (hours * 60 + minutes) * MINUTE_MS, zone)
  }
  return { startsAt: at(fromTime), endsAt: at(toTime) }
}

// ----------------------------------------------------------------------------------------- what WeCom allows

const TEXT_BYTES_MAX = 4000
const MOMENT_CHARACTERS_MAX = 2000
const ATTACHMENTS_MAX = 9
const MOMENT_PIXELS_MAX = 1_555_200

interface Fault {
  path: string
  code: string
  message: string
}

/**
 * What is wrong with a post, by its path.
 *
 * @param pixelsOf how large each uploaded picture is
 * @param urlOf of each material its page on the web, or null
 */
export function faultsOfPost(
  post: Post,
  { pixelsOf, urlOf }: { pixelsOf: ReadonlyMap<string, number>; urlOf: ReadonlyMap<string, string | null> },
): Fault[] {
  const faults: Fault[] = []
  const fault = (path: string, message: string, code = 'invalid_value') => faults.push({ path, code, message })
  const { text, pictures, materialIds, places, via, storeCodes, regions } = post
  if (post.toTime <= post.fromTime) fault('to', 'It must be after `from`.')
  if (text.trim() === '' && pictures.length + materialIds.length === 0) {
    fault('text', 'Say or show something.', 'missing_field')
  }
  if (storeCodes?.length === 0) fault('storeCodes', 'Name stores, or null for all.')
  if (regions?.length === 0) fault('regions', 'Name regions, or null for all.')
  if (via === 'hand') return faults
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) fault('text', `WeCom takes at most ${TEXT_BYTES_MAX} bytes.`)
  for (const [i, address] of pictures.entries()) {
    if (pictureIdOf(address) === null) fault(`pictures[${i}]`, 'WeCom is given the file: upload the picture first.')
  }
  if (via === 'group_message') {
    if (places.includes('moments')) fault('places', 'A group message goes to single chats and to groups.')
    if (pictures.length + materialIds.length > ATTACHMENTS_MAX) {
      fault('materialIds', `WeCom takes at most ${ATTACHMENTS_MAX} pictures and materials together.`)
    }
    return faults
  }
  if (places.length !== 1 || places[0] !== 'moments') fault('places', 'This goes to moments alone.')
  if ([...text].length > MOMENT_CHARACTERS_MAX)
    fault('text', `Moments take at most ${MOMENT_CHARACTERS_MAX} characters.`)
  if (materialIds.length > 1 || (materialIds.length > 0 && pictures.length > 0)) {
    fault('materialIds', 'Moments take pictures, or one link.')
  }
  for (const [i, materialId] of materialIds.entries()) {
    if (urlOf.get(materialId) === null) fault(`materialIds[${i}]`, 'Moments take a link: the material needs a url.')
  }
  for (const [i, address] of pictures.entries()) {
    if ((pixelsOf.get(address) ?? 0) > MOMENT_PIXELS_MAX) {
      fault(`pictures[${i}]`, `Moments take pictures of at most ${MOMENT_PIXELS_MAX} pixels.`)
    }
  }
  return faults
}

const CARD_TITLE_BYTES = 64
const LINK_TITLE_BYTES = 128
const LINK_TEXT_BYTES = 512

type Attachment = Record<string, unknown>

export const pictureAttachment = (mediaId: string): Attachment => ({ msgtype: 'image', image: { media_id: mediaId } })

/** A share as a group message carries it: as a card where the mini program has a page of it, else as a link. */
export function shareAttachment(share: {
  title: string
  text: string
  url: string
  imgUrl: string
  card: { appId: string; path: string; mediaId: string } | null
}): Attachment {
  const { title, text, url, imgUrl, card } = share
  if (card) {
    const { appId, path, mediaId } = card
    const cardTitle = cutToBytes(title, CARD_TITLE_BYTES)
    return {
      msgtype: 'miniprogram',
      miniprogram: { title: cardTitle, pic_media_id: mediaId, appid: appId, page: miniProgramPage(path) },
    }
  }
  const linkTitle = cutToBytes(title, LINK_TITLE_BYTES)
  return {
    msgtype: 'link',
    link: { title: linkTitle, picurl: imgUrl, desc: cutToBytes(text, LINK_TEXT_BYTES), url },
  }
}

/** The link of a moment: one for all who post it, so it carries nobody's code. */
export const momentLink = (link: { title: string; url: string; mediaId: string }): Attachment => ({
  msgtype: 'link',
  link: { title: cutToBytes(link.title, CARD_TITLE_BYTES), url: link.url, media_id: link.mediaId },
})

// ------------------------------------------------------------------------------------------------ when to ask

export type TaskStatus = 'waiting' | 'asking' | 'made' | 'unsure' | 'nobody' | 'late' | 'refused'

/** What WeCom says of somebody to whom a group message was to go. */
export type RecipientStatus = 'unsent' | 'sent' | 'not_friend' | 'limit'
const RECIPIENT_STATUSES: readonly RecipientStatus[] = ['unsent', 'sent', 'not_friend', 'limit']
export const recipientStatusOf = (status: unknown): RecipientStatus => RECIPIENT_STATUSES[Number(status)] ?? 'unsent'

const HOUR_MS = 60 * MINUTE_MS
/** Results are read ever more seldom, for a week. */
const READ_DAYS = 7

/** When results are read again; null: never. */
export function nextReading(begunAt: Instant, now: Instant): Instant | null {
  const age = now - begunAt
  if (age >= READ_DAYS * DAY_MS) return null
  if (age < HOUR_MS) return now + 5 * MINUTE_MS
  return now + (age < DAY_MS ? 30 * MINUTE_MS : 6 * HOUR_MS)
}

/** How long WeCom is searched for a task of which nobody knows whether it was made. */
const SEARCH_MS = 30 * MINUTE_MS

/** When it is searched for again; null: given up. It is not asked for again, since that might send it twice. */
export const nextSearch = (begunAt: Instant, now: Instant): Instant | null =>
  now - begunAt >= SEARCH_MS ? null : now + 5 * MINUTE_MS
