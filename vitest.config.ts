import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Against real servers: `npm run test:live`.
    exclude: ['test/live/**'],
    // Real sockets and processes on a small machine: few workers, patient limits.
    maxWorkers: 2,
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: {
        'src/drivers/ollama/**': { lines: 100, branches: 100, functions: 100, statements: 100 },
      },
    },
  },
})
