/** What is laid out, what is to be posted today, and a shelf, for looking at screens. */
import type { Library, LibraryItem, Shelf } from '../../server/features/catalogue/schema.ts'
import type { DayPosts, PostTick } from '../../server/features/posts/schema.ts'
import { asOf, catalogue } from './demo-data.ts'

const coat = catalogue('', undefined).items[0]!

const items: LibraryItem[] = [
  {
    materialId: '018f0000-0000-7000-8000-00000000a001',
    kind: 'product',
    title: '双十一主推：羊毛双面大衣',
    text: '天冷了，这件双面呢大衣轻、暖、不起球。\n今天下单，门店可试可退。',
    pictures: [],
    campaign: '双十一',
    category: '外套',
    validTo: '2026-11-30T16:00:00Z',
    product: { sku: coat.sku, priceFen: coat.priceFen, listFen: coat.listFen, stock: coat.stock },
    earn: coat.earn,
    sentBeforeAt: '2026-11-19T10:00:00+08:00',
  },
  {
    materialId: '018f0000-0000-7000-8000-00000000a002',
    kind: 'live',
    title: '秋冬上新直播间',
    text: '',
    pictures: [],
    campaign: '双十一',
    category: null,
    validTo: null,
    product: null,
    earn: null,
    sentBeforeAt: null,
  },
  {
    materialId: '018f0000-0000-7000-8000-00000000a003',
    kind: 'article',
    title: '羊毛怎么洗才不缩水',
    text: '收藏好，换季用得上。',
    pictures: [],
    campaign: null,
    category: '护理',
    validTo: null,
    product: null,
    earn: null,
    sentBeforeAt: null,
  },
]

export function library(query: URLSearchParams): Library {
  const asked = (name: string) => query.get(name) ?? ''
  const found = items.filter(
    item =>
      `${item.title}${item.text}`.includes(asked('q')) &&
      (asked('kind') === '' || item.kind === asked('kind')) &&
      (asked('campaign') === '' || item.campaign === asked('campaign')) &&
      (asked('category') === '' || item.category === asked('category')),
  )
  return { asOf, campaigns: ['双十一'], categories: ['外套', '护理'], items: found, nextCursor: null }
}

export const shelfOf = (skus: readonly string[]): Shelf => {
  const all = [...catalogue('', undefined).items, ...catalogue('', 'page-2').items]
  return { asOf, items: skus.flatMap(sku => all.find(item => item.sku === sku) ?? []) }
}

/** @param used when each post was ticked off */
export const dayPosts = (used: Readonly<Record<string, string>>): DayPosts => ({
  asOf,
  day: '2026-11-20',
  items: [
    {
      postId: 'p1',
      from: '09:00',
      to: '11:00',
      places: ['moments', 'group_chat'],
      text: '早安！今天静安 8℃，出门记得加件外套。\n店里新到的双面呢，欢迎来试。',
      pictures: ['/mock/coat.svg', '/mock/none.svg'],
      materials: [items[0]!],
      via: 'hand',
      usedAt: used['p1'] ?? null,
      task: null,
    },
    {
      postId: 'p2',
      from: '19:30',
      to: '21:00',
      places: ['single_chat'],
      text: '今晚 8 点直播，前 100 名有好礼。',
      pictures: [],
      materials: [],
      via: 'group_message',
      usedAt: used['p2'] ?? null,
      task: 'to_confirm',
    },
  ],
})

export const postTick = (postId: string, isUsed: boolean): PostTick => ({ postId, usedAt: isUsed ? asOf : null })
