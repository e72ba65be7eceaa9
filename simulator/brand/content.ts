import { drawPng, type Colour } from '../../server/lib/png.ts'
import { catalogue } from './catalogue.ts'
import { dayMs, zoneMs } from './span.ts'

/** What the demo brand lays out to be shared, and its content calendar. All of it is made up. */

const WIDTH = 480
const HEIGHT = 360

/** A picture for a material: a ground of two tints, a hanger with something on it. */
export function drawMaterial(hue: number): Buffer {
  const [light, dark, ink] = [tint(hue, 0.94), tint(hue + 18, 0.82), tint(hue, 0.52)]
  return drawPng(WIDTH, HEIGHT, (x, y) => {
    const [u, v] = [(x - WIDTH / 2) / HEIGHT, y / HEIGHT]
    const hook = Math.hypot(u, v - 0.18)
    const isHook = hook > 0.045 && hook < 0.06 && (v < 0.18 || u > 0)
    const shoulder = 0.27 + Math.abs(u) * 0.45
    const isCloth = v > shoulder && v < 0.86 && Math.abs(u) < 0.16 + (v - 0.27) * 0.22
    if (isHook || (isCloth && Math.abs(u) > 0.012)) return ink
    const part = (x / WIDTH + y / HEIGHT) / 2
    return [0, 1, 2].map(i => Math.round(light[i]! * (1 - part) + dark[i]! * part)) as unknown as Colour
  })
}

/** A colour by its hue in degrees and its lightness, half saturated. */
function tint(hue: number, lightness: number): Colour {
  const reach = 0.5 * Math.min(lightness, 1 - lightness)
  const part = (offset: number) => {
    const k = (offset + hue / 30) % 12
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [part(0), part(8), part(4)]
}

const localDay = (ms: number) => new Date(ms + zoneMs).toISOString().slice(0, 10)
const materialId = (n: number) => `01900000-0000-7000-8000-0000000000${String(n).padStart(2, '0')}`

/** As `POST /api/v1/materials` takes them, each with the hue of its picture. */
export function makeMaterials(now: number): { hue: number; body: Record<string, unknown> }[] {
  const [coat, down, knit] = ['羊毛大衣', '羽绒服', '针织衫'].map(name =>
    catalogue.find(product => product.category.name === name),
  )
  const ends = new Date(now + 45 * dayMs).toISOString()
  const product = (n: number, of: typeof coat, text: string) => ({
    hue: of?.category.hue ?? 30,
    body: { materialId: materialId(n), kind: 'product', ref: of?.sku ?? '', title: of?.name ?? '', text, category: of?.category.name ?? null, campaign: '当季新品', validTo: ends }, // prettier-ignore
  })
  return [
    product(1, coat, '今年的大衣到店了，软糯不扎，先给您留一件试试？'),
    product(2, down, '降温了，这件又轻又暖，通勤刚好。'),
    product(3, knit, '百搭的一件，配大衣里面正合适。'),
    {
      hue: 345,
      body: { materialId: materialId(4), kind: 'coupon', ref: 'D-C01', title: '满 1000 减 100', text: '给您留了一张满减券，到店和小程序都能用。', campaign: '会员福利' }, // prettier-ignore
    },
    {
      hue: 205,
      body: { materialId: materialId(5), kind: 'activity', title: '演示活动：周末到店免费护理', text: '周末到店，大衣免费蒸汽护理，喝杯热茶再走～', campaign: '会员福利', path: 'pages/activity/care' }, // prettier-ignore
    },
    {
      hue: 120,
      body: { materialId: materialId(6), kind: 'article', title: '演示文章：羊毛大衣怎么洗', text: '收藏这篇，大衣穿五年还像新的。', category: '护理', path: 'pages/article/wool' }, // prettier-ignore
    },
  ]
}

/** As `POST /api/v1/posts` takes them: what stands around today. */
export function makePosts(now: number): Record<string, unknown>[] {
  const post = (n: number, inDays: number, from: string, to: string, rest: Record<string, unknown>) => ({
    postId: `01900000-0000-7000-8000-0000000001${String(n).padStart(2, '0')}`,
    day: localDay(now + inDays * dayMs),
    from,
    to,
    places: ['moments'],
    ...rest,
  })
  return [
    post(1, -3, '10:00', '12:00', { text: '周末好天气，逛街穿这件刚好。', materialIds: [materialId(3)] }),
    post(2, 0, '09:00', '11:00', { text: '早安～今天降温，出门多加一件。', materialIds: [materialId(2)] }),
    post(3, 0, '19:00', '21:00', {
      places: ['single_chat', 'group_chat'],
      text: '晚上好，群里的姐妹看过来：满减券限量，先到先得。',
      materialIds: [materialId(4)],
    }),
    post(4, 1, '12:00', '14:00', { text: '午休两分钟，看看大衣怎么洗。', materialIds: [materialId(6)] }),
    post(5, 3, '10:00', '18:00', {
      places: ['single_chat'],
      via: 'group_message',
      text: '周末到店免费蒸汽护理，给您留个位子？',
      materialIds: [materialId(5)],
    }),
    post(6, 7, '10:00', '12:00', { text: '新一季大衣到店，第一时间给您看。', materialIds: [materialId(1)] }),
  ]
}
