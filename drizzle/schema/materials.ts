import { sql } from 'drizzle-orm'
import { index, integer, jsonb, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** One row is one thing that headquarters lays out for associates to share, with the words that go with it. */
export const materials = pgTable(
  'materials',
  {
    brandId: brandIdColumn(),
    materialId: uuidColumn('material_id').notNull(),
    /** `product`, `page`, `live`, `coupon`, `activity` or `article`. */
    kind: textColumn('kind').notNull(),
    /** Which one: a sku, a coupon, a room, a page. */
    ref: textColumn('ref').notNull(),
    title: textColumn('title').notNull(),
    /** Copy text. */
    text: textColumn('text').notNull(),
    pictures: textListColumn('pictures').notNull(),
    campaign: textColumn('campaign'),
    category: textColumn('category'),
    /** In the mini program, and on the web. */
    path: textColumn('path'),
    url: textColumn('url'),
    /** Half-open; null: without a bound. */
    validFrom: instantColumn('valid_from'),
    validTo: instantColumn('valid_to'),
    /** Whose associates may use it: of these stores, and of the stores of these regions. Both null: all. */
    storeCodes: textListColumn('store_codes'),
    regions: textListColumn('regions'),
    createdAt: instantColumn('created_at').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
    changedBy: textColumn('changed_by').notNull(),
    deletedAt: instantColumn('deleted_at'),
  },
  material => [primaryKey({ columns: [material.brandId, material.materialId] })],
)

/** One row is one picture that was uploaded for materials and posts. Never changed: its key is its content. */
export const pictures = pgTable(
  'pictures',
  {
    brandId: brandIdColumn(),
    /** The brand, and SHA-256 of the file: who fetches one does not say of which brand. */
    pictureId: textColumn('picture_id').notNull(),
    /** `image/png` or `image/jpeg`. */
    type: textColumn('type').notNull(),
    width: integer('width').notNull(),
    height: integer('height').notNull(),
    /** null: it lies in the object storage, under its id. */
    bytes: bytesColumn('bytes'),
    uploadedBy: textColumn('uploaded_by').notNull(),
    uploadedAt: instantColumn('uploaded_at').notNull(),
  },
  picture => [primaryKey({ columns: [picture.brandId, picture.pictureId] })],
)

/** One row is the shelf of an associate: the products that he put together, in his order. */
export const shelves = pgTable(
  'shelves',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    skus: textListColumn('skus').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
  },
  shelf => [primaryKey({ columns: [shelf.brandId, shelf.associateId] })],
)

/** One row is one entry of the content calendar: what associates post on a day, where and when. */
export const posts = pgTable(
  'posts',
  {
    brandId: brandIdColumn(),
    postId: uuidColumn('post_id').notNull(),
    /** YYYY-MM-DD and HH:MM of the brand's calendar. */
    day: textColumn('day').notNull(),
    fromTime: textColumn('from_time').notNull(),
    toTime: textColumn('to_time').notNull(),
    /** The same as instants, half-open. */
    startsAt: instantColumn('starts_at').notNull(),
    endsAt: instantColumn('ends_at').notNull(),
    /** Some of `single_chat`, `group_chat` and `moments`. */
    places: textListColumn('places').notNull(),
    text: textColumn('text').notNull(),
    pictures: textListColumn('pictures').notNull(),
    materialIds: jsonb('material_ids').$type<string[]>().notNull(),
    storeCodes: textListColumn('store_codes'),
    regions: textListColumn('regions'),
    /** `hand`: each associate by himself; `group_message` and `moments`: by a task of WeCom's, which he confirms. */
    via: textColumn('via').notNull(),
    /** When its tasks were written down. */
    plannedAt: instantColumn('planned_at'),
    createdAt: instantColumn('created_at').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
    changedBy: textColumn('changed_by').notNull(),
    deletedAt: instantColumn('deleted_at'),
  },
  post => [
    primaryKey({ columns: [post.brandId, post.postId] }),
    index('posts_by_day')
      .on(post.brandId, post.day, post.startsAt, post.postId)
      .where(sql`deleted_at IS NULL`),
    index('posts_to_plan')
      .on(post.brandId, post.startsAt)
      .where(sql`via <> 'hand' AND planned_at IS NULL AND deleted_at IS NULL`),
  ],
)

/** One row is the tick of an associate who has used a post. */
export const postTicks = pgTable(
  'post_ticks',
  {
    brandId: brandIdColumn(),
    postId: uuidColumn('post_id').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** The store he worked for then. */
    storeCode: textColumn('store_code'),
    usedAt: instantColumn('used_at').notNull(),
  },
  tick => [primaryKey({ columns: [tick.brandId, tick.postId, tick.associateId] })],
)

/**
 * One row is one task that WeCom is given for a post: of a group message one for each sender and place, of moments one
 * for all. Written before WeCom is asked.
 */
export const postTasks = pgTable(
  'post_tasks',
  {
    brandId: brandIdColumn(),
    taskId: uuidColumn('task_id').notNull(),
    postId: uuidColumn('post_id').notNull(),
    /** `single_chat`, `group_chat` or `moments`. */
    place: textColumn('place').notNull(),
    /** The sender; empty of moments. */
    associateId: textColumn('associate_id').notNull(),
    storeCode: textColumn('store_code'),
    /** The sender's links, one for each material of the post. */
    linkCodes: textListColumn('link_codes').notNull(),
    /** `waiting`, `asking`, `made`, `unsure`, `nobody` to send to, `late`, or `refused` (`errcode`). */
    status: textColumn('status').notNull(),
    /** When WeCom was asked: it may have the task from then on. */
    begunAt: instantColumn('begun_at'),
    /** Of moments: by what WeCom tells of the task until it has an id. */
    jobId: textColumn('job_id'),
    /** WeCom's msgid, or its id of the moment. */
    wecomId: textColumn('wecom_id'),
    errcode: integer('errcode'),
    tries: integer('tries').notNull(),
    /** When something is to be done next; also until when a process that took it has time. null: nothing any more. */
    dueAt: instantColumn('due_at'),
    leaseId: uuidColumn('lease_id'),
    /** When its results were last read. */
    readAt: instantColumn('read_at'),
  },
  task => [
    primaryKey({ columns: [task.brandId, task.taskId] }),
    uniqueIndex('post_tasks_once').on(task.brandId, task.postId, task.place, task.associateId),
    uniqueIndex('post_tasks_by_wecom')
      .on(task.brandId, task.wecomId)
      .where(sql`wecom_id IS NOT NULL`),
    index('post_tasks_due')
      .on(task.brandId, task.dueAt)
      .where(sql`due_at IS NOT NULL`),
  ],
)

/** One row is one associate whom a task asks to send, and what WeCom says that he did. */
export const postSenders = pgTable(
  'post_senders',
  {
    brandId: brandIdColumn(),
    taskId: uuidColumn('task_id').notNull(),
    associateId: textColumn('associate_id').notNull(),
    storeCode: textColumn('store_code'),
    /** When he sent it; of moments, which tell no time, when that was first seen. */
    confirmedAt: instantColumn('confirmed_at'),
    likes: integer('likes').notNull(),
    comments: integer('comments').notNull(),
  },
  sender => [primaryKey({ columns: [sender.brandId, sender.taskId, sender.associateId] })],
)

/** One row is one customer or group to whom a group message went, or did not. */
export const postRecipients = pgTable(
  'post_recipients',
  {
    brandId: brandIdColumn(),
    taskId: uuidColumn('task_id').notNull(),
    /** An external_userid or a chat id. */
    recipient: textColumn('recipient').notNull(),
    /** `unsent`, `sent`, `not_friend`, or `limit`: he had as many group messages as WeCom allows. */
    status: textColumn('status').notNull(),
    sentAt: instantColumn('sent_at'),
  },
  recipient => [primaryKey({ columns: [recipient.brandId, recipient.taskId, recipient.recipient] })],
)
