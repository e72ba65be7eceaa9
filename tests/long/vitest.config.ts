import { defineConfig } from 'vitest/config'

/** Tests that take minutes; `npm run test:long`. */
export default defineConfig({
  test: {
    globalSetup: ['tests/support/global-setup.ts'],
    include: ['tests/long/**/*.test.ts'],
    testTimeout: 1_800_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
})
