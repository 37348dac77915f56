// `coffer server` and `coffer start`: the supervisor's program. What it starts is worker.ts.

import { runMain } from './supervisor/command.ts'

await runMain({
  // With everything that a worker is made of, so it is loaded only by the one start that needs it.
  loadPlatform: async () => (await import('./compose.ts')).initialisePlatform,
})
