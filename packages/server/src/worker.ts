// A worker process: everything it is made of comes from compose.ts, everything it does from the supervisor.

import { compose } from './compose.ts'
import { runWorker } from './supervisor/run-worker.ts'

runWorker(compose)
