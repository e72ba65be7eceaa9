import { decrypt, encrypt, getJsApiSignature, getSignature } from '@wecom/crypto'
import { describe, expect, test } from 'vitest'

/** The published vectors of WeCom's own documents, so that a changed library cannot change what we sign and read. */
const TOKEN = 'QDG6eK'
const AES_KEY = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
const CORP_ID = 'wx5823bf96d3bd56c7'

describe('signatures and callbacks as WeCom publishes them', () => {
  test('a page is signed for the SDK', () => {
    const { signature } = getJsApiSignature({
      url: 'http://mp.weixin.qq.com?params=value',
      ticket: 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg',
      nonceStr: 'Wm3WZYTPz0wzccnW',
      timestamp: 1414587457,
    })
    expect(signature).toBe('0f9de62fce790f9a083d5c99e95740ceb90c27ed')
  })

  test('the echo of a callback address is verified and read', () => {
    const echo = 'P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=='
    expect(getSignature(TOKEN, 1409659589, 263014780, echo)).toBe('5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3')
    const { message, id } = decrypt(AES_KEY, echo)
    expect({ message, id }).toEqual({ message: '1616140317555161061', id: CORP_ID })
  })

  test('a message is encrypted and signed', () => {
    const message = '<xml><ToUserName><![CDATA[wx]]></ToUserName></xml>'
    const sealed = encrypt(AES_KEY, message, CORP_ID, Buffer.from('0123456789abcdef'))
    expect(sealed).toBe(
      'sKqRbbiSUnDhFHOvPjtUMVzAFik4QxXk7xBXQ+TldeOc00NUnMB3F/8O0UR7e+Yu0r0bOkBAR5wJn8AOQ6bWkWQn3J8VCttZGqPIiBHjK/OAQeb4EHH4hLkpcj0vWzRO',
    )
    expect(getSignature(TOKEN, '1700000000', 'nonce01', sealed)).toBe('41abef86808946baa3ef7ee571196c39e1fd9c58')
    expect(decrypt(AES_KEY, sealed)).toMatchObject({ message, id: CORP_ID })
  })
})
