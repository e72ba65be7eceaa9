// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { forgetSignatures, keepSignatures, keptSignatures } from '../../sidebar/lib/signatures.ts'

const signature = { corpId: 'ww-1', agentId: '1', timestamp: 1, nonceStr: 'n', signature: 's' }
const page = 'https://guide.example/sidebar/'
const signed = { url: page, config: signature, agent_config: signature, validSeconds: 60 }

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
})
afterEach(() => void vi.useRealTimers())

test('signatures are kept for their address alone, as long as WeCom takes them', () => {
  expect(keptSignatures(page)).toBeNull()
  keepSignatures(signed)
  expect(keptSignatures(page)).toMatchObject(signed)
  expect(keptSignatures(`${page}?brand=second`)).toBeNull()
  vi.advanceTimersByTime(60_000)
  expect(keptSignatures(page)).toBeNull()
})

test('what is no signature, or was forgotten, is none', () => {
  localStorage.setItem('daogou.signatures', '{')
  expect(keptSignatures(page)).toBeNull()
  keepSignatures(signed)
  forgetSignatures()
  expect(keptSignatures(page)).toBeNull()
})
