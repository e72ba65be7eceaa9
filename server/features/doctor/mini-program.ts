import { Registry } from 'prom-client'
import { miniProgramAdvice } from '../mini-program/service.ts'
import { buildClient, buildWecomMeter, WecomError } from '../wecom/service.ts'
import { settingOf } from './address.ts'
import { bad, good, unknown, type Finding } from './domain.ts'
import type { Examined } from './service.ts'

/** The mini-program that share links lead to. */
export async function* examineMiniProgram({ settings, brand, now }: Examined): AsyncGenerator<Finding> {
  const step = 'mini_program.token'
  const { appId, secret } = brand.miniProgram
  if (appId === null) {
    yield unknown(step, 'There is no mini-program; share links open in the browser.')
    return
  }
  if (secret === null) {
    yield unknown(
      step,
      `The mini-program ${appId} has no secret here: cards are sent, but no mini-program codes are made.`,
      `${settingOf(brand.slug, 'MINIPROGRAM_SECRET', '--secrets')} to the AppSecret of 开发管理 → 开发设置 on mp.weixin.qq.com.`,
    )
    return
  }
  const request = buildClient({
    host: { owner: 'WeChat', apiUrl: settings.miniProgram.apiUrl, folder: '/' },
    buckets: { take: () => Promise.resolve(0), block: () => Promise.resolve() },
    meter: buildWecomMeter(new Registry()),
    now,
    token: () => Promise.reject(new Error('none is needed')),
  })
  try {
    const body = { grant_type: 'client_credential', appid: appId, secret }
    await request('cgi-bin/stable_token', { body, isHarmless: true }, false)
    yield good(step, `WeChat gives a token for the mini-program ${appId}.`)
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const code = error.errcode === null ? 'no answer' : `error ${error.errcode}`
    yield bad(step, `The mini-program ${appId}: ${code} from ${error.api}.`, miniProgramAdvice(error).en)
  }
}
