// Preloaded into a server under the bench (`node --require`): SIGUSR2 takes a CPU profile of five seconds and writes it
// beside the other temporary files; SIGPWR does the same for allocations. Nothing of this is in the product.
const { Session } = require('node:inspector')
const { writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const seconds = 5

const take = (signal, start, stop, what) => {
  process.on(signal, () => {
    const session = new Session()
    session.connect()
    start(session)
    setTimeout(() => {
      stop(session, (error, result) => {
        if (error === null) writeFileSync(join(tmpdir(), `coffer-bench-${process.pid}.${what}`), JSON.stringify(result.profile))
        session.disconnect()
      })
    }, seconds * 1000)
  })
}

take('SIGUSR2', (session) => {
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 200 })
  session.post('Profiler.start')
}, (session, done) => session.post('Profiler.stop', done), 'cpuprofile')

take('SIGPWR', (session) => {
  session.post('HeapProfiler.enable')
  session.post('HeapProfiler.startSampling', { samplingInterval: 4096, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true })
}, (session, done) => session.post('HeapProfiler.stopSampling', done), 'heapprofile')
