// Where the time of a CPU profile goes: self time by function, and by stage.
//   tools/node bench/lib/profile-report.ts FILE [LINES]

import { readFileSync } from 'node:fs'
import { stageTimes } from './stages.ts'

export interface Frame { readonly functionName: string; readonly url: string; readonly lineNumber: number }
export interface ProfileNode { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }
export interface CpuProfile { readonly nodes: readonly ProfileNode[]; readonly samples: readonly number[]; readonly timeDeltas: readonly number[] }

const nameOf = ({ functionName, url, lineNumber }: Frame): string => {
  const file = url.replace(/^.*\/(packages\/server\/src|node_modules)\//, '').replace(/^node:/, 'node:')
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}${url === '' ? '' : `:${lineNumber + 1}`}`
}

/** Self time in microseconds by function. */
export const selfTimes = (profile: CpuProfile): Map<string, number> => {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const times = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const frame = frames.get(id)
    if (frame === undefined) return
    const name = nameOf(frame)
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0))
  })
  return times
}

/** Microseconds by function, with what it calls. */
export const totalTimes = (profile: CpuProfile): Map<string, number> => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const times = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const names = new Set<string>()
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = nodes.get(at)
      if (node !== undefined) names.add(nameOf(node.callFrame))
    }
    for (const name of names) times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0))
  })
  return times
}

if (import.meta.main) {
  const profile = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as CpuProfile // what V8 wrote
  const times = selfTimes(profile)
  const most = Number(process.argv[3] ?? 60)
  // The profiler's own start and end are no part of the server's work.
  for (const name of times.keys()) if (name.includes('node:inspector')) times.delete(name)
  const idle = times.get('(idle) ') ?? 0
  times.delete('(idle) ')
  const all = [...times.values()].reduce((sum, each) => sum + each, 0)
  console.log(`busy ${(all / 1e6).toFixed(2)} s, idle ${(idle / 1e6).toFixed(2)} s`)
  for (const [name, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, most)) console.log(`${((100 * time) / all).toFixed(1).padStart(5)} %  ${name}`)
  console.log('\nwith what they call:')
  for (const [name, time] of [...totalTimes(profile)].sort((a, b) => b[1] - a[1]).slice(0, most)) console.log(`${((100 * time) / all).toFixed(1).padStart(5)} %  ${name}`)
  console.log('')
  for (const [name, time] of [...stageTimes(profile)].sort((a, b) => b[1] - a[1])) console.log(`${(time / 1000).toFixed(0).padStart(8)} ms  ${name}`)
}
