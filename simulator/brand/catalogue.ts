/** What the demo brand sells, and what its people and places are called. All of it is made up. */
import { createWeighted, type Random } from './random.ts'
import type { ShareLinkItem } from './items.ts'

export const brandName = '演示品牌 Demo'

/** How much is sold of a category by calendar month, January first; 1 is its yearly mean. */
type Season = readonly [number, number, number, number, number, number, number, number, number, number, number, number]

const winter: Season = [1.9, 1.4, 0.8, 0.3, 0.2, 0.1, 0.1, 0.3, 0.9, 1.6, 2.2, 2.2]
const cool: Season = [1.3, 1.2, 1.2, 1, 0.6, 0.4, 0.3, 0.5, 1.2, 1.5, 1.5, 1.3]
const summer: Season = [0.4, 0.5, 0.9, 1.3, 1.6, 1.8, 1.7, 1.4, 0.9, 0.6, 0.5, 0.4]
const even: Season = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]

export type Category = { name: string; season: Season; share: number; hue: number; names: readonly [string, number][] }

/** Names with their list price in yuan. */
export const categories: readonly Category[] = [
  {
    name: '羊毛大衣',
    season: winter,
    share: 10,
    hue: 28,
    names: [
      ['双面羊毛系带大衣', 2599],
      ['驼色翻领长款大衣', 2999],
      ['灰格纹羊毛大衣', 2299],
      ['短款羊毛斗篷外套', 1799],
      ['藏青双排扣大衣', 2499],
      ['燕麦色茧形大衣', 2799],
    ],
  },
  {
    name: '羽绒服',
    season: winter,
    share: 9,
    hue: 205,
    names: [
      ['轻薄鹅绒短款', 1299],
      ['长款连帽鹅绒服', 2199],
      ['收腰白鸭绒外套', 1599],
      ['立领轻暖马甲', 799],
      ['面包绒短外套', 1399],
      ['可拆卸毛领羽绒服', 2399],
    ],
  },
  {
    name: '针织衫',
    season: cool,
    share: 20,
    hue: 345,
    names: [
      ['圆领美丽诺羊毛衫', 699],
      ['绞花高领毛衣', 799],
      ['羊绒混纺开衫', 999],
      ['条纹海军领针织衫', 599],
      ['镂空薄针织上衣', 499],
      ['V 领宽松毛衣', 659],
    ],
  },
  {
    name: '衬衫',
    season: even,
    share: 16,
    hue: 190,
    names: [
      ['真丝飘带衬衫', 899],
      ['府绸白衬衫', 459],
      ['细条纹长衬衫', 499],
      ['亚麻小立领衬衫', 559],
      ['泡泡袖棉衬衫', 429],
      ['牛津纺蓝衬衫', 469],
    ],
  },
  {
    name: '裙装',
    season: summer,
    share: 14,
    hue: 320,
    names: [
      ['法式茶歇裙', 799],
      ['百褶半身长裙', 599],
      ['丝绒吊带连衣裙', 999],
      ['棉麻衬衫裙', 699],
      ['针织包臀裙', 499],
      ['印花雪纺长裙', 759],
    ],
  },
  {
    name: '裤装',
    season: even,
    share: 13,
    hue: 225,
    names: [
      ['高腰阔腿西裤', 599],
      ['直筒九分牛仔裤', 499],
      ['羊毛混纺烟管裤', 699],
      ['休闲束脚裤', 399],
      ['垂感拖地长裤', 559],
      ['灯芯绒微喇裤', 469],
    ],
  },
  {
    name: '鞋靴',
    season: cool,
    share: 10,
    hue: 15,
    names: [
      ['小羊皮切尔西靴', 1299],
      ['方头乐福鞋', 899],
      ['尖头细跟鞋', 959],
      ['绒面中筒靴', 1499],
      ['软底芭蕾平底鞋', 699],
      ['厚底小白鞋', 659],
    ],
  },
  {
    name: '配饰',
    season: even,
    share: 18,
    hue: 45,
    names: [
      ['羊绒格纹围巾', 499],
      ['小方巾', 199],
      ['牛皮腰带', 299],
      ['羊毛贝雷帽', 259],
      ['珍珠耳饰', 329],
      ['托特手袋', 1099],
    ],
  },
]

export type CatalogueProduct = {
  sku: string
  name: string
  category: Category
  priceFen: number
  listFen: number
}

/** The same for every seed: a picture can be drawn from the sku alone. Each sixth product is on sale at 70 %. */
export const catalogue: readonly CatalogueProduct[] = categories
  .flatMap(category => category.names.map(([name, listYuan]) => ({ category, name, listFen: listYuan * 100 })))
  .map(({ category, name, listFen }, i) => ({
    sku: `D-P${String(i + 1).padStart(3, '0')}`,
    name,
    category,
    priceFen: i % 6 === 3 ? (listFen * 7) / 10 : listFen,
    listFen,
  }))

/** With the share of customers that a store there has against the others. */
export const places: readonly { city: string; site: string; region: string; share: number }[] = [
  { city: '上海', site: '江畔', region: '华东', share: 20 },
  { city: '北京', site: '长街', region: '华北', share: 16 },
  { city: '深圳', site: '海湾', region: '华南', share: 13 },
  { city: '成都', site: '锦里', region: '西南', share: 11 },
  { city: '杭州', site: '湖滨', region: '华东', share: 10 },
  { city: '广州', site: '珠水', region: '华南', share: 8 },
  { city: '南京', site: '梧桐', region: '华东', share: 6 },
  { city: '天津', site: '河岸', region: '华北', share: 5 },
  { city: '苏州', site: '园林', region: '华东', share: 4 },
  { city: '重庆', site: '两江', region: '西南', share: 3 },
  { city: '厦门', site: '鹭岛', region: '华南', share: 2 },
  { city: '石家庄', site: '北苑', region: '华北', share: 2 },
]

export const familyNames = [
  ...'王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡',
]
export const givenNames = [
  ...['雨桐', '思涵', '静', '晓雯', '佳怡', '欣然', '梦琪', '婷', '雅琴', '子墨', '若曦', '敏', '语嫣', '丽', '嘉慧'],
  ...['诗涵', '悦', '一诺', '可欣', '文静', '晨', '浩然', '宇轩', '志远', '明', '俊杰', '海燕', '春梅', '楠', '芳'],
]

export const memberTags = [
  '高客单',
  '周末到店',
  '羊毛控',
  '尺码 M',
  '尺码 S',
  '尺码 L',
  '爱看直播',
  '生日季',
  '新客',
  '老友',
]

/** What else is shared than products. */
export const brandPages: readonly ShareLinkItem['target'][] = [
  { kind: 'page', ref: 'home', title: '演示品牌首页', path: 'pages/home/index' },
  { kind: 'page', ref: 'new', title: '本周上新', path: 'pages/topic/index?id=new' },
  { kind: 'live', ref: 'live-01', title: '周五直播间', path: 'pages/live/index?id=live-01' },
  { kind: 'coupon', ref: 'D-C01', title: '满 1000 减 100', path: 'pages/coupon/index?code=D-C01' },
  { kind: 'activity', ref: 'members-day', title: '会员日', path: 'pages/activity/index?id=members-day' },
  { kind: 'enrol', ref: 'enrol', title: '入会有礼', path: 'pages/enrol/index' },
]

/** What is bought in a month: the season counts, what is on sale goes faster, and each category has its favourites. */
export function drawProductsOf(month: number): (random: Random) => CatalogueProduct {
  return createWeighted(catalogue, ({ category, name, priceFen, listFen }) => {
    const favour = 1 + category.names.findIndex(([each]) => each === name) / 4
    return category.share * (category.season[month] ?? 1) * (priceFen < listFen ? 1.6 : 1) * favour
  })
}
