import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__tests__/**/*.test.ts'],
    globalSetup: './__tests__/support/global-setup.ts',
    // Real processes against real clocks; a loaded machine is slow, not wrong.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // They mostly wait. Where they do not, a process may come too late for what it is to see, so each has a second try.
    maxWorkers: 3,
    maxConcurrency: 4,
    retry: 1,
  },
});
