import { afterAll, beforeAll, expect, test } from 'vitest'
import { placesOf } from '../../console/places.ts'
import { tell } from '../support/people.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage } from './support.ts'

let stage: ConsoleStage

beforeAll(async () => {
  stage = await startConsoleStage()
  const activeFrom = '2020-01-01T00:00:00+08:00'
  await tell(stage.service, {
    associates: [{ associateId: 'demo-hq', name: '示例总部', kind: 'office', role: 'headquarters', activeFrom }],
  })
}, 120_000)
afterAll(() => stage?.close())

test('on the first day, with nothing in it yet, every place of the menu stands on the smallest phone', async () => {
  const opened = await stage.open('demo-hq', '/performance', { width: 360 })
  const { page } = opened
  const places = placesOf('headquarters').flatMap(group => group.places)
  expect(places.length).toBeGreaterThan(15)
  for (const { to } of places) {
    await page.getByRole('button', { name: '菜单' }).click()
    if (to === '/settings') {
      await expectSound(opened, false)
      await photograph(page, 'menu-360')
    }
    await page.locator(`nav a[href$="#${to}"]`).click()
    await page.locator(`nav a[aria-current][href$="#${to}"]`).waitFor({ state: 'hidden' })
    await page.waitForLoadState('networkidle')
    await settle(page)
    expect(await page.locator('.failure').count()).toBe(0)
    await expectSound(opened, false)
    await photograph(page, `empty-360${to.replaceAll('/', '-')}`)
  }
})
