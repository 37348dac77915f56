// Where the time of a CPU profile goes: self time by function, and by stage.
//   tools/node bench/lib/profile-report.ts FILE [requests]

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

if (import.meta.main) {
  const profile = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as CpuProfile // what V8 wrote
  const times = selfTimes(profile)
  const idle = times.get('(idle) ') ?? 0
  const all = [...times.values()].reduce((sum, each) => sum + each, 0) - idle
  console.log(`busy ${(all / 1e6).toFixed(2)} s, idle ${(idle / 1e6).toFixed(2)} s`)
  for (const [name, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, Number(process.argv[3] ?? 60))) console.log(`${((100 * time) / all).toFixed(1).padStart(5)} %  ${name}`)
  console.log('')
  for (const [name, time] of [...stageTimes(profile)].sort((a, b) => b[1] - a[1])) console.log(`${(time / 1000).toFixed(0).padStart(8)} ms  ${name}`)
}
