import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import {
  brandIdColumn,
  bytesColumn,
  fenColumn,
  instantColumn,
  textColumn,
  textListColumn,
  uuidColumn,
} from '../columns.ts'
import type { DatedEntry } from './stores.ts'

/** One row is one member number as last told. Numbers that were merged stay, and point to the one they became. */
export const members = pgTable(
  'members',
  {
    brandId: brandIdColumn(),
    memberNo: textColumn('member_no').notNull(),
    name: textColumn('name'),
    /** AES-256-GCM; see server/features/members/phone.ts. */
    phoneEncrypted: bytesColumn('phone_encrypted'),
    phoneHash: textColumn('phone_hash'),
    levels: jsonb('levels').$type<DatedEntry[]>().notNull(),
    points: fenColumn('points'),
    balanceFen: fenColumn('balance_fen'),
    birthMonth: integer('birth_month'),
    birthDay: integer('birth_day'),
    birthYearEncrypted: bytesColumn('birth_year_encrypted'),
    joinedAt: instantColumn('joined_at'),
    openingStore: textColumn('opening_store'),
    openingAssociate: textColumn('opening_associate'),
    followsOfficialAccount: boolean('follows_official_account'),
    miniProgramAuthorised: boolean('mini_program_authorised'),
    tags: textListColumn('tags').notNull(),
    consentTracking: boolean('consent_tracking'),
    consentMarketing: boolean('consent_marketing'),
    /** The number at the end of the chain of merges; its own where there is none. Follows from member_merges. */
    lastMemberNo: textColumn('last_member_no').notNull(),
    /** Since then nothing personal is kept of him; null: he was not erased, or enrolled again. */
    erasedAt: instantColumn('erased_at'),
    createdAt: instantColumn('created_at').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  member => [
    primaryKey({ columns: [member.brandId, member.memberNo] }),
    index('members_by_last_number').on(member.brandId, member.lastMemberNo), // all numbers of one person
    index('members_by_joined')
      .on(member.brandId, member.joinedAt)
      .where(sql`joined_at IS NOT NULL`), // the new members of a span
    index('members_by_phone')
      .on(member.brandId, member.phoneHash)
      .where(sql`phone_hash IS NOT NULL`),
    index('members_by_opener')
      .on(member.brandId, member.openingAssociate)
      .where(sql`opening_associate IS NOT NULL`),
    index('members_by_opening_store')
      .on(member.brandId, member.openingStore)
      .where(sql`opening_store IS NOT NULL`), // a store's members
  ],
)

/** One row is one time a member said yes or no to something. Evidence. */
export const memberConsents = pgTable(
  'member_consents',
  {
    brandId: brandIdColumn(),
    memberNo: textColumn('member_no').notNull(),
    consentId: uuidColumn('consent_id').notNull(),
    kind: textColumn('kind').notNull(),
    given: boolean('given').notNull(),
    toldAt: instantColumn('told_at').notNull(),
  },
  consent => [primaryKey({ columns: [consent.brandId, consent.memberNo, consent.consentId] })],
)

/** One row says that two numbers are one person. Evidence; per memberNo the greatest `at` counts. */
export const memberMerges = pgTable(
  'member_merges',
  {
    brandId: brandIdColumn(),
    memberNo: textColumn('member_no').notNull(),
    at: instantColumn('at').notNull(),
    into: textColumn('into_member_no').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  merge => [
    primaryKey({ columns: [merge.brandId, merge.memberNo, merge.at] }),
    index('member_merges_by_target').on(merge.brandId, merge.into),
  ],
)

/** One row links a visitor id to a member. Evidence; per (kind, value) the greatest `at` counts, for before it too. */
export const identities = pgTable(
  'identities',
  {
    brandId: brandIdColumn(),
    kind: textColumn('kind').notNull(),
    value: textColumn('value').notNull(),
    at: instantColumn('at').notNull(),
    memberNo: textColumn('member_no').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  identity => [
    primaryKey({ columns: [identity.brandId, identity.kind, identity.value, identity.at, identity.memberNo] }),
    index('identities_by_member').on(identity.brandId, identity.memberNo),
  ],
)

/**
 * One row is one telling of whose customer a member is and which store is his home. Evidence; `…_told` tells an
 * absent field from one that says nobody.
 */
export const memberAssignments = pgTable(
  'member_assignments',
  {
    brandId: brandIdColumn(),
    memberNo: textColumn('member_no').notNull(),
    fromAt: instantColumn('from_at').notNull(),
    assignmentId: uuidColumn('assignment_id').notNull(),
    attributedTold: boolean('attributed_told').notNull(),
    attributedAssociate: textColumn('attributed_associate'),
    homeStoreTold: boolean('home_store_told').notNull(),
    homeStore: textColumn('home_store'),
    reason: textColumn('reason'),
    receivedAt: instantColumn('received_at').notNull(),
  },
  assignment => [
    primaryKey({
      columns: [assignment.brandId, assignment.memberNo, assignment.fromAt, assignment.assignmentId],
    }),
    index('member_assignments_by_associate').on(assignment.brandId, assignment.attributedAssociate),
    index('member_assignments_by_store').on(assignment.brandId, assignment.homeStore),
  ],
)
