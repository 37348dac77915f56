// Throughput against latency as a picture: one dot for each figure of requests per second that has a 99th percentile, both axes
// logarithmic. Written by hand, so that results need no library to be looked at.

import { median, type Figure } from './figures.ts'

interface Dot {
  readonly name: string
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [960, 540, 70, 30, 330, 50]
const REQUESTS = ': requests'

const dotsOf = (figures: readonly Figure[]): readonly Dot[] => {
  const medians = new Map(figures.map(({ name, runs }) => [name, median(runs)]))
  return figures.flatMap(({ name }) => {
    if (!name.endsWith(REQUESTS)) return []
    const base = name.slice(0, -REQUESTS.length)
    const [perSecond, p50, p99] = [medians.get(name), medians.get(`${base}: p50`), medians.get(`${base}: p99`)]
    return perSecond === undefined || p50 === undefined || p99 === undefined ? [] : [{ name: base, perSecond, p50: Math.max(p50, 0.05), p99: Math.max(p99, 0.05) }]
  })
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const powersOfTen = (low: number, high: number): readonly number[] => {
  const from = Math.floor(Math.log10(low))
  return Array.from({ length: Math.max(1, Math.ceil(Math.log10(high)) - from) + 1 }, (_, index) => 10 ** (from + index))
}

const scale = (ticks: readonly number[], from: number, to: number) => (value: number): number => {
  const [low, high] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)]
  return from + ((Math.log10(value) - low) / (high - low)) * (to - from)
}

/** Undefined when there is nothing to draw. Each line goes from the median latency to the 99th percentile. */
export const chart = (figures: readonly Figure[]): string | undefined => {
  const dots = dotsOf(figures)
  if (dots.length === 0) return undefined
  const across = powersOfTen(Math.min(...dots.map((dot) => dot.perSecond)), Math.max(...dots.map((dot) => dot.perSecond)))
  const up = powersOfTen(Math.min(...dots.map((dot) => dot.p50)), Math.max(...dots.map((dot) => dot.p99)))
  const [x, y] = [scale(across, LEFT, WIDTH - RIGHT), scale(up, HEIGHT - BOTTOM, TOP)]
  const lines = [
    ...across.map((tick) => `<line x1="${x(tick)}" y1="${TOP}" x2="${x(tick)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${x(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tick.toLocaleString('en-US')}</text>`),
    ...up.map((tick) => `<line x1="${LEFT}" y1="${y(tick)}" x2="${WIDTH - RIGHT}" y2="${y(tick)}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`),
    ...dots.map((dot, index) => {
      const colour = dot.name.startsWith('Vault') ? '#b45309' : dot.name.startsWith('bare') ? '#6b7280' : '#1d4ed8'
      const at = x(dot.perSecond)
      return `<g stroke="${colour}" fill="${colour}"><line x1="${at}" y1="${y(dot.p50)}" x2="${at}" y2="${y(dot.p99)}"/><circle cx="${at}" cy="${y(dot.p50)}" r="4"/><circle cx="${at}" cy="${y(dot.p99)}" r="3" fill="white"/></g><text x="${at + 6}" y="${y(dot.p50) + 4}">${index + 1}</text><text x="${WIDTH - RIGHT + 20}" y="${TOP + 12 + 17 * index}" fill="${colour}">${index + 1} ${escaped(dot.name)}</text>`
    }),
  ]
  const height = Math.max(HEIGHT, TOP + 30 + 17 * dots.length)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="white"/>
${lines.join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">requests per second</text>
<text x="16" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})">milliseconds: filled p50, hollow p99</text>
</svg>
`
}
