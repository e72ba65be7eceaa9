// @vitest-environment happy-dom
import { describe, expect, test } from 'vitest'
import { Failure, toDiagnosis, toRefusal } from '../../sidebar/lib/diagnosis.ts'
import { detectLocale } from '../../sidebar/lib/locale.ts'
import { toSdkFailure } from '../../sidebar/lib/wecom.ts'

describe('what a refusal of WeCom means', () => {
  test.each<[string, object, string, string]>([
    [
      'a number in a hint',
      {
        err_Info: 'fail',
        errMsg: 'agentConfig:fail',
        hint: "Hint: '0404162454:fpjmyibrj7g:40093'. More info at https://open.work.weixin.qq.com/devtool/query?e=40093",
      },
      'bad_signature',
      '40093',
    ],
    [
      'a number in an address alone',
      {
        errMsg: 'agentConfig:fail',
        err_msg: 'ticket no available more info at https://open.work.weixin.qq.com/devtool/query?e=42012',
      },
      'wrong_ticket',
      '42012',
    ],
    ['a number of its own', { errMsg: 'agentConfig:fail', errCode: 50001 }, 'untrusted_domain', '50001'],
    ['another corporation', { errMsg: 'agentConfig:fail', errCode: 40013 }, 'wrong_corp', '40013'],
    [
      'words about the domain',
      { errMsg: 'config:invalid url domain', errCode: -1 },
      'untrusted_domain',
      'config:invalid url domain',
    ],
    [
      'words about the signature',
      { errMsg: 'preVerifyJSAPI:invalid signature', errCode: -1 },
      'bad_signature',
      'preVerifyJSAPI:invalid signature',
    ],
    [
      'words with spaces',
      { errMsg: 'getContext:fail no permission' },
      'no_permission',
      'getContext:fail no permission',
    ],
    [
      'words that the SDK has run together',
      { errMsg: 'getContext:nopermission' },
      'no_permission',
      'getContext:nopermission',
    ],
    [
      'words that the SDK has translated',
      { errMsg: 'getContext:permission denied' },
      'no_permission',
      'getContext:permission denied',
    ],
    [
      'an entry without a customer',
      { errMsg: 'getCurExternalContact:fail without context of external contact' },
      'no_customer',
      'getCurExternalContact:fail without context of external contact',
    ],
    [
      'a client without the call',
      { errMsg: 'getContext:fail function not exist' },
      'old_client',
      'getContext:fail function not exist',
    ],
    ['something new', { errMsg: 'getContext:fail', errCode: -1 }, 'wecom_refused', 'getContext:fail'],
  ])('%s', (_, reason, kind, code) => {
    expect(toSdkFailure('getContext', reason).diagnosis).toMatchObject({ kind, code })
  })

  test('an Error of the SDK itself is shown by the call and its words', () => {
    expect(toSdkFailure('agentConfig', new Error('SDK Error: Missing getConfigSignature')).diagnosis).toMatchObject({
      kind: 'wecom_refused',
      code: 'agentConfig',
      detail: 'SDK Error: Missing getConfigSignature',
    })
  })

  test('a failure that has its diagnosis keeps it', () => {
    const failure = new Failure('network_down', 'NETWORK')
    expect(toSdkFailure('agentConfig', failure)).toBe(failure)
  })
})

test('a refused sign-in keeps its reason, also one that this page does not know yet', () => {
  expect(toRefusal('unknown_userid').diagnosis).toMatchObject({ kind: 'unknown_userid', code: 'unknown_userid' })
  expect(toRefusal('of_tomorrow').diagnosis).toMatchObject({ kind: 'sign_in_failed', code: 'of_tomorrow' })
})

test('what nobody expected is told, and a chunk that did not come is a matter of the network', () => {
  expect(toDiagnosis(new Error('boom'))).toMatchObject({ kind: 'broken', detail: 'boom' })
  expect(toDiagnosis(new TypeError('Failed to fetch dynamically imported module: /assets/a.js')).kind).toBe(
    'network_down',
  )
  expect(toDiagnosis(new TypeError('Importing a module script failed.')).kind).toBe('network_down')
})

test.each<[string, string, string | null, 'zh' | 'en']>([
  ['wxwork/4.1 Language/zh ColorScheme/Light', 'en-GB', null, 'zh'],
  ['wxwork/4.1 Language/zh_CN', 'en-GB', null, 'zh'],
  ['wxwork/4.1 Language/en', 'zh-CN', null, 'en'],
  ['wxwork/4.1', 'zh-HK', null, 'zh'],
  ['wxwork/4.1', 'de-DE', null, 'en'],
  ['wxwork/4.1 Language/zh', 'zh-CN', 'en', 'en'],
  ['wxwork/4.1 Language/en', 'en-GB', 'nonsense', 'en'],
])('the language of %s, %s, chosen %s is %s', (userAgent, browser, chosen, locale) => {
  expect(detectLocale(userAgent, browser, chosen)).toBe(locale)
})
