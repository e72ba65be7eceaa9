import { describe, expect, test } from 'vitest'
import {
  channelUrl,
  linkName,
  outcomeOf,
  statusOf,
  stepOf,
  unknownVariables,
  usersOf,
  wantedOf,
  welcomeAttachments,
  welcomeText,
  type Code,
  type Colleague,
} from '../../server/features/channel-codes/domain.ts'

const code = (more: Partial<Code> = {}): Code => ({
  kind: 'contact_way',
  name: '码',
  associateId: null,
  storeCode: 'S1',
  state: 'dgABCDEFGHJKLM',
  skipVerify: true,
  chatIds: [],
  roomName: null,
  roomNumber: null,
  isActive: true,
  deletedAt: null,
  ...more,
})
const person = (associateId: string, more: Partial<Colleague> = {}): Colleague => ({
  associateId,
  storeCode: 'S1',
  isManager: false,
  canBeAdded: true,
  ...more,
})
const own = { associateId: 'a', storeCode: null }

describe('whom a code leads to', () => {
  const store = [person('c'), person('b', { isManager: true }), person('a'), person('x', { storeCode: 'S2' })]
  test.each<[string, Partial<Code>, Colleague[], string[]]>([
    ['a store’s: all who work there, in one order', {}, store, ['a', 'b', 'c']],
    ['an associate’s: himself', own, store, ['a']],
    ['of one who left: the manager', own, [person('a', { canBeAdded: false }), ...store.slice(0, 2)], ['b']],
    ['without a manager: a colleague', own, [person('a', { canBeAdded: false }), person('d'), person('c')], ['c']],
    ['of one who left another store', own, [person('a', { canBeAdded: false, storeCode: 'S2' }), person('c')], []],
    ['of one without a store', own, [person('a', { canBeAdded: false, storeCode: null }), person('z', { storeCode: null })], []], // prettier-ignore
    ['of nobody known', own, [], []],
  ])('%s', (_, change, colleagues, users) => {
    expect(usersOf(code(change), colleagues)).toEqual(users)
    const way = wantedOf(code(change), colleagues)
    expect(way?.['user'] ?? []).toEqual(users)
  })
  test('of a store with too many: managers first, as many as WeCom takes', () => {
    const many = Array.from({ length: 600 }, (_, i) => person(`p${String(i).padStart(3, '0')}`))
    many[599]!.isManager = true
    const way = usersOf(code(), many)
    expect([way.length, way.at(-1)]).toEqual([100, 'p599'])
    expect(usersOf(code({ kind: 'acquisition_link' }), many)).toHaveLength(500)
  })
})

describe('what is to be done', () => {
  const wanted = { user: ['a'], remark: 'x' }
  const none = { configId: null, url: null, told: null }
  const made = { configId: 'c', url: 'u', told: { remark: 'x', user: ['a'] } }
  test.each([
    [code(), none, wanted, 'make'],
    [code(), made, wanted, 'nothing'],
    [code(), { ...made, told: { user: ['b'], remark: 'x' } }, wanted, 'change'],
    [code(), { ...made, url: null }, wanted, 'picture'],
    [code(), made, null, 'nobody'],
    [code(), none, null, 'nobody'],
    [code({ isActive: false }), made, wanted, 'remove'],
    [code({ deletedAt: 1 }), made, null, 'remove'],
    [code({ isActive: false }), none, wanted, 'nothing'],
  ] as const)('%#', (which, inWecom, told, step) => {
    expect(stepOf(which, inWecom, told)).toBe(step)
  })
  test('and how it is called', () => {
    const row = { isActive: true, configId: 'c', url: 'u', fault: null }
    expect(statusOf(row)).toBe('active')
    expect(statusOf({ ...row, url: null })).toBe('waiting')
    expect(statusOf({ ...row, isActive: false, configId: null })).toBe('inactive')
    expect(statusOf({ ...row, fault: 'refused' })).toBe('failing')
  })
  test('a link’s name ends with its state and fits; its address carries it', () => {
    const name = linkName({ name: '很'.repeat(30), state: code().state })
    expect([name.length, name.endsWith(` ${code().state}`)]).toEqual([30, true])
    expect(channelUrl('https://work.weixin.qq.com/ca/x', 's')).toBe(
      'https://work.weixin.qq.com/ca/x?customer_channel=s',
    )
  })
})

describe('what a welcome says', () => {
  const names = { associate: '导购', store: '一店', brand: '品牌' }
  test('names in place of variables, and nothing in place of what comes out of them', () => {
    expect(welcomeText('{associate}·{store}·{brand}·{associate}', names)).toBe('导购·一店·品牌·导购')
    expect(welcomeText('{associate}', { ...names, associate: '{store}' })).toBe('{store}')
    expect(unknownVariables('{associate}{nickname}{}')).toEqual(['nickname', ''])
  })
  test('never more than WeCom takes', () => {
    const text = welcomeText('{associate}'.repeat(300), { ...names, associate: '很长的名字很长的名字' })
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4000)
    const page = {
      title: '题'.repeat(100),
      text: '文'.repeat(400),
      url: 'https://x.example',
      imgUrl: 'https://x.example/p.png',
    }
    const [link] = welcomeAttachments({ ...page, card: null }) as { link: Record<string, string> }[]
    expect(Buffer.byteLength(link!.link['title']!)).toBeLessThanOrEqual(128)
    expect(Buffer.byteLength(link!.link['desc']!)).toBeLessThanOrEqual(512)
    const card = { appId: 'wx1', path: '/pages/enrol?dg=1', mediaId: 'm' }
    const [mini] = welcomeAttachments({ ...page, card }) as { miniprogram: Record<string, string> }[]
    expect(Buffer.byteLength(mini!.miniprogram['title']!)).toBeLessThanOrEqual(64)
    expect(mini!.miniprogram['page']).toBe('pages/enrol.html?dg=1')
  })
  test.each([
    [41050, 'refused', 'needless'],
    [41051, 'refused', 'needless'],
    [41053, 'refused', 'needless'],
    [41096, 'refused', 'refused'],
    [48002, 'refused', 'refused'],
    [null, 'unknown', 'unsure'],
    [null, 'not_sent', 'refused'],
  ])('%s %s is %s', (errcode, outcome, is) => {
    expect(outcomeOf({ errcode, outcome })).toBe(is)
  })
})
