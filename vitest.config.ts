import { defineConfig } from 'vitest/config'

/** Server tests share one PostgreSQL; the sidebar's and the console's need the Vue compiler and, some of them, a browser. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'server',
          // Files share what they import: no test leaves anything behind in a module, and loading is a quarter of the run.
          isolate: false,
          globalSetup: ['tests/support/global-setup.ts'],
          include: ['tests/{unit,integration,scenarios,simulator}/**/*.test.ts', 'tests/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: './vite.config.ts',
        test: {
          name: 'sidebar',
          globalSetup: ['tests/support/web.ts'],
          include: ['tests/sidebar/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: './vite.config.ts',
        test: {
          name: 'console',
          isolate: false,
          globalSetup: ['tests/support/global-setup.ts', 'tests/support/web.ts'],
          include: ['tests/console/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          globalSetup: ['tests/support/global-setup.ts'],
          include: ['tests/browser/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
  },
})
