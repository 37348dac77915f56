// The same numbers as a JSON document in the shape that Vault's `sys/metrics` has: gauges, counters, and distributions.

import type { FamilySnapshot, ProcessSnapshot } from './metrics.ts'

type Labels = Readonly<Record<string, string>>

const PAIR = /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)"/g
const unescaped = (text: string): string => text.replace(/\\(.)/g, (_all, char: string) => (char === 'n' ? '\n' : char))

const labelsOf = (text: string, process: Labels): Labels => ({ ...Object.fromEntries([...text.matchAll(PAIR)].map(([, name = '', value = '']) => [name, unescaped(value)])), ...process })

const finite = (value: number): number => (Number.isFinite(value) ? value : 0)

const gaugesOf = ({ name, samples }: FamilySnapshot, process: Labels) => samples.map(([, labels, value]) => ({ Name: name, Value: finite(value), Labels: labelsOf(labels, process) }))

/** Totals since the process started: there is no interval, so a rate would be made up. */
const countersOf = ({ name, samples }: FamilySnapshot, process: Labels) => samples.map(([, labels, value]) => ({ Name: name, Count: value, Rate: 0, Sum: value, Min: 0, Max: 0, Mean: 0, Stddev: 0, Labels: labelsOf(labels, process) }))

const distributionsOf = ({ name, samples }: FamilySnapshot, process: Labels) => {
  const sums = new Map(samples.filter(([suffix]) => suffix === '_sum').map(([, labels, value]) => [labels, value]))
  return samples.filter(([suffix]) => suffix === '_count').map(([, labels, count]) => {
    const sum = sums.get(labels) ?? 0
    return { Name: name, Count: count, Rate: 0, Sum: sum, Min: 0, Max: 0, Mean: count === 0 ? 0 : sum / count, Stddev: 0, Labels: labelsOf(labels, process) }
  })
}

const stamp = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`

export const metricsDocument = (processes: readonly ProcessSnapshot[], at: Date): Readonly<Record<string, unknown>> => {
  const each = <T>(type: FamilySnapshot['type'], map: (family: FamilySnapshot, labels: Labels) => readonly T[]): readonly T[] =>
    processes.flatMap(({ labels, families }) => families.filter((family) => family.type === type).flatMap((family) => map(family, labels)))
  return { Timestamp: stamp(at), Gauges: each('gauge', gaugesOf), Points: [], Counters: each('counter', countersOf), Samples: each('histogram', distributionsOf) }
}
