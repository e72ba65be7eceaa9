import { createHash } from 'node:crypto'

/** The words that WeCom uses. Callers match on the number only: the words may change. */
const words: Record<number, string> = {
  [-1]: 'system error',
  40001: 'invalid credential',
  40003: 'invalid userid',
  40004: 'invalid media type',
  40007: 'invalid media_id',
  40008: 'invalid message type',
  40013: 'invalid corpid',
  40014: 'invalid access_token',
  40029: 'invalid code',
  40031: 'invalid userid list',
  40032: 'invalid userid list size',
  40035: 'invalid parameter',
  40056: 'invalid agentid',
  40058: 'invalid Request Parameter',
  40066: 'invalid url',
  40068: 'invalid tagid',
  40093: 'invalid jsapi signature',
  40094: 'invalid url',
  40096: 'invalid external userid',
  40097: 'user has not resigned',
  40128: 'transfer too frequent',
  40129: 'customer is being transferred',
  40130: 'handover and takeover are the same',
  40131: 'handover user is not a follower',
  41001: 'access_token missing',
  41002: 'corpid missing',
  41004: 'corpsecret missing',
  41009: 'userid missing',
  41035: 'missing external userid',
  41037: 'missing contact way type',
  41038: 'missing contact way scene',
  41039: 'invalid contact way type',
  41040: 'invalid contact way scene',
  41041: 'contact way users exceed limit',
  41043: 'missing contact way config_id',
  41044: 'invalid contact way config_id',
  41045: 'contact way exceed limit',
  41046: 'invalid msgid',
  41047: 'missing msgid',
  41048: 'no customer to send',
  41049: 'missing welcome code',
  41050: 'invalid welcome code',
  41051: 'externaluser has started chatting',
  41054: 'user not activated',
  41061: 'not the creator of the moment',
  41062: 'moment not published',
  41063: 'groupmsg is being dispatched',
  41064: 'invalid attachments msgtype',
  41065: 'invalid attachments size',
  41088: 'empty moment',
  41091: 'too many chat ids',
  41093: 'groupmsg has been cancelled',
  41094: 'groupmsg reminded too often',
  41096: 'welcome msg is being distributed',
  42001: 'access_token expired',
  42012: 'ticket no available',
  44001: 'empty media data',
  45002: 'content size out of limit',
  45009: 'api freq out of limit',
  45033: 'api concurrent out of limit',
  48002: 'api forbidden',
  50001: 'redirect uri unauthorized',
  50002: 'member not in permission scope',
  60003: 'department not found',
  60011: 'no privilege to access/modify contact/party/agent',
  60020: 'not allow to access from your ip',
  60111: 'userid not found',
  81013: 'user & party & tag all invalid',
  81017: 'owner filter required',
  82001: 'missing user or party or tag',
  84061: 'not external contact',
  86001: 'invalid chat id',
  90509: 'not a wecom customer group',
  90511: 'invalid opengid',
  91040: 'invalid ticket type',
  301002: 'not allow operate another agent with this accesstoken',
}

/** Why a call is refused. Thrown in handlers and turned into WeCom's own body, with HTTP status 200. */
export class WecomRefusal extends Error {
  readonly errcode: number
  readonly detail: string | undefined

  constructor(errcode: number, detail?: string) {
    super(words[errcode] ?? 'unknown error')
    this.errcode = errcode
    this.detail = detail
  }
}

export const moreInfo = (errcode: number) => `https://open.work.weixin.qq.com/devtool/query?e=${errcode}`

/** WeCom's error body: the hint names the call for its support, the address is the caller's. */
export function toErrorBody({ errcode, detail }: WecomRefusal, { at, from }: { at: number; from: string }) {
  const trace = createHash('sha256').update(`${at}/${errcode}`).digest('hex')
  const hint = `${Math.floor(at / 1000)}${BigInt(`0x${trace.slice(0, 12)}`)
    .toString()
    .padStart(15, '0')
    .slice(0, 15)}`
  const text = words[errcode] ?? 'unknown error'
  return {
    errcode,
    errmsg: `${text}${detail ? `, ${detail}` : ''}, hint: [${hint}], from ip: ${from}, more info at ${moreInfo(errcode)}`,
  }
}
