import assert from 'node:assert/strict'
import { test } from 'node:test'
import { observeProcess } from './health.ts'
import { Metrics, renderMetrics } from './metrics.ts'

test('counters, gauges and histograms come out in the exposition format', () => {
  const metrics = new Metrics()
  const requests = metrics.counter('coffer_requests_total', 'Requests.\nBy door.', ['door', 'status'])
  requests.with('rest', '200').inc()
  requests.with('rest', '200').inc(2)
  requests.with('a "quoted"\\\n', '500').inc()
  metrics.gauge('coffer_sealed', 'Sealed.').with().set(1)
  const took = metrics.histogram('coffer_took_seconds', 'Time.', [], [0.1, 1]).with()
  for (const seconds of [0.05, 0.1, 0.5, 3]) took.observe(seconds)
  assert.equal(
    renderMetrics([{ labels: {}, families: metrics.snapshot() }]),
    [
      '# HELP coffer_requests_total Requests.\\nBy door.',
      '# TYPE coffer_requests_total counter',
      'coffer_requests_total{door="rest",status="200"} 3',
      'coffer_requests_total{door="a \\"quoted\\"\\\\\\n",status="500"} 1',
      '# HELP coffer_sealed Sealed.',
      '# TYPE coffer_sealed gauge',
      'coffer_sealed 1',
      '# HELP coffer_took_seconds Time.',
      '# TYPE coffer_took_seconds histogram',
      'coffer_took_seconds_bucket{le="0.1"} 2',
      'coffer_took_seconds_bucket{le="1"} 3',
      'coffer_took_seconds_bucket{le="+Inf"} 4',
      'coffer_took_seconds_sum 3.65',
      'coffer_took_seconds_count 4',
      '',
    ].join('\n'),
  )
})

test('several processes share one head per family and differ by label', () => {
  const make = (count: number): Metrics => {
    const metrics = new Metrics()
    metrics.counter('coffer_a_total', 'A.', ['x']).with('1').inc(count)
    return metrics
  }
  const processes = [0, 1].map((worker) => ({ labels: { worker: String(worker) }, families: make(worker + 5).snapshot() }))
  // What crosses between processes is JSON.
  const text = renderMetrics(JSON.parse(JSON.stringify(processes)) as typeof processes)
  assert.equal(text, '# HELP coffer_a_total A.\n# TYPE coffer_a_total counter\ncoffer_a_total{x="1",worker="0"} 5\ncoffer_a_total{x="1",worker="1"} 6\n')
})

test('a handle is the same for the same labels, a counter never goes down, a wrong declaration is refused', () => {
  const metrics = new Metrics()
  const family = metrics.counter('coffer_b_total', 'B.', ['x'])
  assert.equal(family.with('1'), family.with('1'))
  family.with('1').inc(-5)
  assert.deepEqual(metrics.snapshot()[0]?.samples, [['', 'x="1"', 0]])
  assert.throws(() => family.with('1', '2'), TypeError)
  assert.throws(() => metrics.gauge('coffer_b_total', 'again'), TypeError)
  assert.throws(() => metrics.gauge('Bad-Name', 'no'), TypeError)
})

test('labels that grow without end do not grow the registry without end', () => {
  const metrics = new Metrics()
  const family = metrics.counter('coffer_c_total', 'C.', ['x'])
  for (let index = 0; index < 5000; index += 1) family.with(String(index)).inc()
  assert.equal(metrics.snapshot()[0]?.samples.length, 1000)
})

test('the process reports how busy its event loop is', () => {
  const metrics = new Metrics()
  const health = observeProcess(metrics)
  const values = new Map(metrics.snapshot().map(({ name, samples }) => [name, samples[0]?.[2] ?? Number.NaN]))
  health.stop()
  const busy = values.get('coffer_process_event_loop_utilisation') ?? Number.NaN
  assert.ok(busy >= 0 && busy <= 1)
  assert.ok((values.get('coffer_process_resident_bytes') ?? 0) > 2 ** 20)
})
