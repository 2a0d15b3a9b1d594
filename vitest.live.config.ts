import { defineConfig } from 'vitest/config'

/** Tests against real servers, one after the other: `npm run test:live`. */
export default defineConfig({
  test: {
    include: ['test/live/**/*.live.test.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
})
