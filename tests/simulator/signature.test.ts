import { expect, it } from 'vitest'
import { isSignedBy, signPage } from '../../simulator/signature.ts'

/** WeCom's own example of a signed page. */
const page = {
  ticket: 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg',
  nonceStr: 'Wm3WZYTPz0wzccnW',
  timestamp: '1414587457',
  url: 'http://mp.weixin.qq.com?params=value',
}
const signature = '0f9de62fce790f9a083d5c99e95740ceb90c27ed'

it('signs as WeCom documents it, without what follows #', () => {
  expect(signPage(page)).toBe(signature)
  expect(isSignedBy({ ...page, url: `${page.url}#/customer` }, signature)).toBe(true)
})

it.each(['ticket', 'nonceStr', 'timestamp', 'url'] as const)('refuses another %s', part => {
  expect(isSignedBy({ ...page, [part]: `${page[part]}1` }, signature)).toBe(false)
})

it('refuses what is no signature', () => {
  expect(isSignedBy(page, '')).toBe(false)
  expect(isSignedBy(page, signature.toUpperCase())).toBe(false)
})
