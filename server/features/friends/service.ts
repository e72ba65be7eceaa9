import { conflict, created, rejected, unchanged, unknownAssociate } from '../../lib/items.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import { IMPORTER, veilOf, type Take, type ToldId } from '../evidence/service.ts'
import { noteMessages, type Note } from '../messages/service.ts'
import { existingAssociates } from '../stores/service.ts'
import {
  insertFriendEvents,
  selectFriendEvents,
  selectFriendEventsOf,
  type FriendEvent,
  type FriendEventKey,
} from './queries.ts'
import type { FriendEventItem } from './schema.ts'

export { selectFriendEventsOf as friendEventsOf, type FriendEvent } from './queries.ts'
export { FriendEventItem } from './schema.ts'

/**
 * Friendships that began or ended: each once by associate, customer, kind and instant; other content is a conflict. An end
 * after an erasure is that of the friendship before it, unless a newer beginning is known.
 */
export const takeFriendEvents: Take<FriendEventItem> = async (context, items) => {
  const { tx, brandId, now, vault } = context
  const associates = await existingAssociates(
    tx,
    brandId,
    items.map(item => item.associateId),
  )
  const told = items.map(eventOf)
  const idOf = ({ externalUserid, at }: FriendEvent): ToldId => ({
    kind: 'external_userid',
    value: externalUserid,
    at,
    memberNo: null,
  })
  const veil = await veilOf(tx, { brandId, vault, ids: told.map(idOf), memberNos: [] })
  const wasErased = (row: FriendEvent) => veil.tombOf({ ...idOf(row), at: 0 }) !== null
  const endsOfErased = told.filter(row => row.kind === 'ended' && wasErased(row))
  const known = await selectFriendEventsOf(tx, {
    brandId,
    externalUserids: endsOfErased.map(row => row.externalUserid),
  })
  const beganAt = (end: FriendEvent) =>
    [...known, ...told]
      .filter(row => row.kind === 'added' && row.associateId === end.associateId && row.at <= end.at)
      .filter(row => row.externalUserid === end.externalUserid)
      .reduce((latest, row) => Math.max(latest, row.at), 0)
  const rows = told.map(row => {
    const at = endsOfErased.includes(row) ? beganAt(row) : row.at
    return { ...row, externalUserid: veil.tombOf({ ...idOf(row), at }) ?? row.externalUserid }
  })
  const faults = rows.map(row => {
    if (!associates.has(row.associateId)) return unknownAssociate(shownKey(row), row.associateId, 'associateId')
    if (row.kind === 'added' && row.endedBy !== null) {
      return rejected(shownKey(row), 'invalid_value', 'A friendship that begins was ended by nobody.', 'endedBy')
    }
    return null
  })
  const first = new Map<string, FriendEvent>()
  for (const [i, row] of rows.entries()) if (!faults[i] && !first.has(keyOf(row))) first.set(keyOf(row), row)
  const inserted = await insertFriendEvents(tx, { brandId, now, rows: [...first.values()] })
  const isNew = new Set(inserted.map(keyOf))
  await noteMessages(tx, {
    brandId,
    now,
    notes: [...first.values()].filter(row => isNew.has(keyOf(row)) && row.endedBy === 'customer').map(lossOf),
    isImported: context.actor === IMPORTER,
  })
  const kept = await selectFriendEvents(tx, {
    brandId,
    keys: [...first.values()].filter(row => !isNew.has(keyOf(row))),
  })
  for (const row of kept) first.set(keyOf(row), row)
  return rows.map((row, i) => {
    const key = shownKey(told[i]!)
    if (faults[i]) return faults[i]
    if (isNew.delete(keyOf(row))) {
      context.reward({ kind: 'customer', key: row.externalUserid })
      context.bind({ kind: 'external_userid', key: row.externalUserid })
      return created(key)
    }
    const { endedBy, state } = first.get(keyOf(row))!
    return endedBy === row.endedBy && state === row.state
      ? unchanged(key)
      : conflict(key, 'This was told before with other content.', endedBy === row.endedBy ? 'state' : 'endedBy')
  })
}

/** What the associate is told. */
const lossOf = ({ associateId, externalUserid, at }: FriendEvent): Note => ({
  kind: 'friend_lost',
  associateId,
  occasion: JSON.stringify([externalUserid, at]),
  at,
  details: { externalUserid },
})

const keyOf = ({ associateId, externalUserid, kind, at }: FriendEventKey) =>
  JSON.stringify([associateId, externalUserid, kind, at])

const shownKey = ({ associateId, externalUserid, kind, at }: FriendEventKey) =>
  `${associateId}/${externalUserid}/${kind}/${formatInstant(at)}`

const eventOf = (item: FriendEventItem): FriendEvent => ({
  associateId: item.associateId,
  externalUserid: item.externalUserid,
  kind: item.kind,
  at: parseInstant(item.at)!,
  endedBy: item.endedBy ?? null,
  state: item.state ?? null,
})
