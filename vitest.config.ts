import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-postgres.ts'],
    // Real servers and databases start in many of these: two files at a time suit two cores.
    maxWorkers: 2,
    testTimeout: 60_000,
    // Browsers and machines stall, now and then, for longer than a test waits. What fails twice is a fault.
    retry: 1,
    hookTimeout: 120_000,
  },
});
