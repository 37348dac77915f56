// `coffer server` and `coffer start`: the supervisor's program. What it starts is worker.ts.

import { runMain } from './supervisor/command.ts'

await runMain({
  // Only the first start needs it, and nothing else of what a worker is made of: the supervisor stays small.
  loadPlatform: async () => (await import('./compose/initialise.ts')).initialisePlatform,
})
