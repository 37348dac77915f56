// Counters, gauges and histograms in the text format of Prometheus (exposition format 0.0.4). A handle is resolved once
// per set of labels and then only adds numbers: nothing is allocated per request. Labels come from our own code
// (operation, status, kind), never from a path, a name or an identity.

export interface Counter {
  inc(by?: number): void
}

export interface Gauge {
  set(value: number): void
  add(by: number): void
}

export interface Histogram {
  observe(value: number): void
}

interface Family<Handle> {
  /** The handle for these label values, in the order in which the labels were declared. The same values give the same handle. */
  with(...values: readonly string[]): Handle
}

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One family with its current numbers, as plain JSON that can cross to another process. */
export interface FamilySnapshot {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** Name suffix (`_bucket`, `_sum`, `_count` or nothing), labels as written between the braces, value. */
  readonly samples: readonly (readonly [suffix: string, labels: string, value: number])[]
}

/** From half a millisecond to ten seconds: a warm read at one end, a slow login at the other. */
export const durationBuckets: readonly number[] = Object.freeze([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])

interface Series {
  samples(labels: string): FamilySnapshot['samples']
}

interface Declared {
  readonly type: MetricType
  readonly help: string
  readonly labels: readonly string[]
  readonly series: Map<string, Series>
}

const metricName = /^[a-z_][a-z0-9_]*$/
/** A bound on series per family: labels that grow without end would be a leak and an oracle. */
const maxSeries = 1000

export class Metrics {
  readonly #families = new Map<string, Declared>()
  readonly #beforeRead: (() => void)[] = []

  counter(name: string, help: string, labels: readonly string[] = []): Family<Counter> {
    return this.#family(name, { type: 'counter', help, labels }, makeCounter)
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Gauge> {
    return this.#family(name, { type: 'gauge', help, labels }, makeGauge)
  }

  histogram(name: string, help: string, labels: readonly string[] = [], buckets: readonly number[] = durationBuckets): Family<Histogram> {
    return this.#family(name, { type: 'histogram', help, labels }, () => makeHistogram(buckets))
  }

  /** Runs before each reading, for gauges whose value is looked up rather than kept. */
  onRead(refresh: () => void): void {
    this.#beforeRead.push(refresh)
  }

  snapshot(): readonly FamilySnapshot[] {
    for (const refresh of this.#beforeRead) refresh()
    return [...this.#families].map(([name, { type, help, series }]) => ({
      name,
      type,
      help,
      samples: [...series].flatMap(([labels, one]) => [...one.samples(labels)]),
    }))
  }

  #family<Handle extends Series>(name: string, facts: Omit<Declared, 'series'>, make: () => Handle): Family<Handle> {
    if (!metricName.test(name) || !facts.labels.every((label) => metricName.test(label))) throw new TypeError(`not a metric name: ${name}`)
    if (this.#families.has(name)) throw new TypeError(`metric declared twice: ${name}`)
    const series = new Map<string, Handle>()
    this.#families.set(name, { ...facts, series })
    const resolve = (...values: readonly string[]): Handle => {
      if (values.length !== facts.labels.length) throw new TypeError(`metric ${name} has the labels ${facts.labels.join(', ')}`)
      const key = formatLabels(facts.labels.map((label, index) => [label, values[index] ?? '']))
      const known = series.get(key)
      if (known !== undefined) return known
      const made = make()
      if (series.size < maxSeries) series.set(key, made)
      return made
    }
    if (facts.labels.length === 0) resolve()
    return { with: resolve }
  }
}

const makeCounter = (): Counter & Series => {
  let total = 0
  return {
    inc(by = 1) {
      if (by >= 0) total += by
    },
    samples: (labels) => [['', labels, total]],
  }
}

const makeGauge = (): Gauge & Series => {
  let current = 0
  return {
    set(value) {
      current = value
    },
    add(by) {
      current += by
    },
    samples: (labels) => [['', labels, current]],
  }
}

const makeHistogram = (buckets: readonly number[]): Histogram & Series => {
  const bounds = Float64Array.from(buckets)
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0
  return {
    observe(value) {
      let index = 0
      while (index < bounds.length && value > (bounds[index] ?? Infinity)) index += 1
      counts[index] = (counts[index] ?? 0) + 1
      sum += value
    },
    samples(labels) {
      let running = 0
      const rows: [string, string, number][] = []
      counts.forEach((count, index) => {
        running += count
        rows.push(['_bucket', joinLabels(labels, `le="${index < bounds.length ? String(bounds[index]) : '+Inf'}"`), running])
      })
      rows.push(['_sum', labels, sum], ['_count', labels, running])
      return rows
    },
  }
}

const escapeLabel = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const formatLabels = (pairs: readonly (readonly [string, string])[]): string => pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')
const joinLabels = (first: string, second: string): string => (first === '' ? second : second === '' ? first : `${first},${second}`)
const escapeHelp = (help: string): string => help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

export interface ProcessSnapshot {
  /** Labels that tell this process's numbers from another's, such as `{ worker: '0' }`. */
  readonly labels: Readonly<Record<string, string>>
  readonly families: readonly FamilySnapshot[]
}

/** The text that a scrape gets: each family once, with the samples of every process under it. */
export const renderMetrics = (processes: readonly ProcessSnapshot[]): string => {
  const families = new Map<string, { head: string; lines: string[] }>()
  for (const { labels, families: ofProcess } of processes) {
    const own = formatLabels(Object.entries(labels))
    for (const { name, type, help, samples } of ofProcess) {
      const family = families.get(name) ?? { head: `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`, lines: [] }
      families.set(name, family)
      for (const [suffix, given, value] of samples) {
        const all = joinLabels(given, own)
        family.lines.push(`${name}${suffix}${all === '' ? '' : `{${all}}`} ${formatNumber(value)}\n`)
      }
    }
  }
  return [...families.values()].map(({ head, lines }) => head + lines.join('')).join('')
}

const formatNumber = (value: number): string => (value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value))
