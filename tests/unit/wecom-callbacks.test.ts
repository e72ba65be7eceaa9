import { encrypt, getSignature } from '@wecom/crypto'
import { describe, expect, test } from 'vitest'
import { openSealed, readEvent, sealedIn } from '../../server/features/wecom/callbacks.ts'
import { eventXml } from '../support/wecom.ts'

/** WeCom's own vector. */
const keys = {
  corpId: 'wx5823bf96d3bd56c7',
  token: 'QDG6eK',
  aesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
}
const echo = 'P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=='
const query = {
  msg_signature: '5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3',
  timestamp: '1409659589',
  nonce: '263014780',
}

describe('what WeCom sealed', () => {
  test('is opened', () => expect(openSealed(keys, query, echo)).toBe('1616140317555161061'))
  test.each([
    ['another signature', keys, { ...query, msg_signature: query.msg_signature.replace('5', '6') }, echo],
    ['a shorter signature', keys, { ...query, msg_signature: '5c45' }, echo],
    ['another time', keys, { ...query, timestamp: '1409659590' }, echo],
    ['another corporation', { ...keys, corpId: 'wxother' }, query, echo],
    ['another token', { ...keys, token: 'other' }, query, echo],
    ['another key', { ...keys, aesKey: keys.aesKey.replace('j', 'k') }, query, echo],
    ['nothing', keys, query, undefined],
    ['no signature', keys, {}, echo],
  ])('is not, with %s', (_, own, asked, sealed) => expect(openSealed(own, asked, sealed)).toBeNull())
  test('is not, where it is signed but cannot be opened, or tells a length that is not so', () => {
    const sign = (secret: string) => ({
      ...query,
      msg_signature: getSignature(keys.token, query.timestamp, query.nonce, secret),
    })
    for (const secret of ['AAAA', '', 'not base64 at all', Buffer.alloc(64).toString('base64')]) {
      expect(openSealed(keys, sign(secret), secret)).toBeNull()
    }
    const stranger = encrypt(keys.aesKey, 'hello', 'wxother')
    expect(openSealed(keys, sign(stranger), stranger)).toBeNull()
  })
  test('is found in the outer body, plain or as CDATA', () => {
    expect(sealedIn('<xml><ToUserName><![CDATA[a]]></ToUserName><Encrypt><![CDATA[AbC+/=]]></Encrypt></xml>')).toBe(
      'AbC+/=',
    )
    expect(sealedIn('<xml><Encrypt>AbC+/=</Encrypt></xml>')).toBe('AbC+/=')
    for (const body of [
      '',
      '<xml/>',
      '<xml><Encrypt/></xml>',
      'garbage',
      '<Encrypt>x</Encrypt>',
      '<xml><Encrypt><a>1</a></Encrypt></xml>',
    ]) {
      expect(sealedIn(body) || undefined).toBeUndefined()
    }
  })
})

describe('an event', () => {
  const added = {
    Event: 'change_external_contact',
    ChangeType: 'add_external_contact',
    UserID: 'lihua',
    ExternalUserID: 'wmSim0001',
    State: 'ch_042',
    WelcomeCode: 'WC_SIM_1',
  }
  const now = 5
  test('is read, whether its values are plain or CDATA', () => {
    const event = readEvent(eventXml(added), now)
    expect(event).toMatchObject({
      event: 'change_external_contact/add_external_contact',
      lane: 'wmSim0001',
      at: 1_700_000_000_000,
      fields: { UserID: 'lihua', State: 'ch_042', WelcomeCode: 'WC_SIM_1' },
    })
    const plain = eventXml(added).replaceAll('<![CDATA[', '').replaceAll(']]>', '')
    expect(readEvent(plain, now)).toEqual(event)
  })
  test('is the same again without its welcome code, and another in any other field', () => {
    const keyOf = (more: object) => readEvent(eventXml({ ...added, ...more }), now).dedupeKey
    expect(keyOf({ WelcomeCode: 'another' })).toBe(keyOf({}))
    for (const more of [
      { CreateTime: 1_700_000_001 },
      { ChangeType: 'edit_external_contact' },
      { UserID: 'wangwu' },
      { ExternalUserID: 'wmSim0002' },
      { State: '' },
    ]) {
      expect(keyOf(more)).not.toBe(keyOf({}))
    }
  })
  test('of a group keeps its list, which counts in any order', () => {
    const group = {
      Event: 'change_external_chat',
      ChatId: 'wrSim01',
      ChangeType: 'update',
      UpdateDetail: 'add_member',
      JoinScene: 0,
      MemChangeCnt: 2,
      MemChangeList: ['wmA', 'wmB'],
      LastMemVer: 'v1',
      CurMemVer: 'v2',
    }
    const event = readEvent(eventXml(group), now)
    expect(event).toMatchObject({ lane: 'wrSim01', fields: { MemChangeList: ['wmA', 'wmB'], CurMemVer: 'v2' } })
    expect(readEvent(eventXml({ ...group, MemChangeList: ['wmB', 'wmA'] }), now).dedupeKey).toBe(event.dedupeKey)
    expect(readEvent(eventXml({ ...group, MemChangeList: ['wmA'] }), now).dedupeKey).not.toBe(event.dedupeKey)
    expect(readEvent(eventXml({ ...group, CurMemVer: 'v3' }), now).dedupeKey).not.toBe(event.dedupeKey)
    const single = readEvent(eventXml({ ...group, MemChangeList: ['wmA'] }), now)
    expect(single.fields['MemChangeList']).toEqual(['wmA'])
  })
  test('about nobody has the lane of its kind', () => {
    expect(
      readEvent(eventXml({ Event: 'change_external_tag', ChangeType: 'create', Id: 'etA', TagType: 'tag' }), now).lane,
    ).toBe('change_external_tag')
  })
  test('that is a message is known by its id', () => {
    const message = (more: object) =>
      readEvent(eventXml({ MsgType: 'text', FromUserName: 'lihua', MsgId: 17, ...more }), now)
    expect(message({ Content: 'hi' }).event).toBe('message:text')
    expect(message({ Content: 'hi' }).dedupeKey).toBe(message({ CreateTime: 1 }).dedupeKey)
    expect(message({ MsgId: 18 }).dedupeKey).not.toBe(message({}).dedupeKey)
  })
  test('in text with signs that XML writes otherwise', () => {
    const xml =
      '<xml><CreateTime>1</CreateTime><Event>e</Event><State>a&amp;b&lt;c</State><Name><![CDATA[x&amp;<y>]]></Name></xml>'
    expect(readEvent(xml, now).fields).toMatchObject({ State: 'a&b<c', Name: 'x&amp;<y>' })
  })
  test.each([
    ['no XML', 'nonsense'],
    ['cut off', '<xml><Event>a'],
    ['of another root', '<html></html>'],
    ['with entities of its own', '<!DOCTYPE xml [<!ENTITY a "aaaa">]><xml><Event>&a;</Event></xml>'],
    ['with a file', '<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Event>&a;</Event></xml>'],
  ])('that cannot be read (%s) is kept as that', (_, xml) => {
    expect(readEvent(xml, now)).toMatchObject({ event: 'unreadable', at: now })
  })
})
