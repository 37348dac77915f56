// The machine as Vault's `sys/host-info` describes it. What the platform does not tell is left empty, never made up.

import { readFile, statfs } from 'node:fs/promises'
import { arch, cpus, freemem, hostname, loadavg, platform, release, totalmem, uptime } from 'node:os'

type Table = Readonly<Record<string, string>>

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

/** `name : value` a line, as the kernel writes it. */
const tableOf = (text: string, between: RegExp): Table => Object.fromEntries(text.split('\n').flatMap((line) => {
  const at = line.search(between)
  return at < 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim().replace(/^"|"$/g, '')]]
}))

const number = (text: string | undefined): number => Number.parseFloat(text ?? '') || 0

const processorOf = (table: Table, index: number) => ({
  cpu: index, vendorId: table['vendor_id'] ?? '', family: table['cpu family'] ?? '', model: table['model'] ?? '', stepping: number(table['stepping']), physicalId: table['physical id'] ?? '', coreId: table['core id'] ?? '',
  cores: 1, modelName: table['model name'] ?? cpus()[index]?.model ?? '', mhz: number(table['cpu MHz']) || (cpus()[index]?.speed ?? 0), cacheSize: number(table['cache size']), flags: (table['flags'] ?? '').split(' ').filter((flag) => flag !== ''), microcode: table['microcode'] ?? '',
})

const processors = async () => {
  const blocks = (await read('/proc/cpuinfo')).split('\n\n').filter((block) => block.includes('processor'))
  return cpus().map((_each, index) => processorOf(tableOf(blocks[index] ?? '', /:/), index))
}

const times = () => cpus().map(({ times: { user, sys, idle, nice, irq } }, index) => ({ cpu: `cpu${index}`, user: user / 1000, system: sys / 1000, idle: idle / 1000, nice: nice / 1000, iowait: 0, irq: irq / 1000, softirq: 0, steal: 0, guest: 0, guestNice: 0 }))

const KIB = 1024

const memory = async () => {
  const table = tableOf(await read('/proc/meminfo'), /:/)
  const kib = (name: string): number => number(table[name]) * KIB
  const total = totalmem()
  const available = kib('MemAvailable') || freemem()
  return {
    total, available, used: total - available, usedPercent: ((total - available) / total) * 100, free: kib('MemFree') || freemem(), active: kib('Active'), inactive: kib('Inactive'), wired: 0, laundry: 0, buffers: kib('Buffers'), cached: kib('Cached'), writeback: kib('Writeback'), dirty: kib('Dirty'),
    shared: kib('Shmem'), slab: kib('Slab'), sreclaimable: kib('SReclaimable'), sunreclaim: kib('SUnreclaim'), pagetables: kib('PageTables'), swapcached: kib('SwapCached'), commitlimit: kib('CommitLimit'), committedas: kib('Committed_AS'), swaptotal: kib('SwapTotal'), swapfree: kib('SwapFree'), mapped: kib('Mapped'),
  }
}

/** The file systems that the server writes to. */
const disks = async (directories: readonly string[]) =>
  (await Promise.all(directories.map(async (path) => {
    const facts = await statfs(path).catch(() => undefined)
    if (facts === undefined) return []
    const total = facts.blocks * facts.bsize
    const free = facts.bavail * facts.bsize
    const used = total - facts.bfree * facts.bsize
    return [{ path, fstype: `0x${facts.type.toString(16)}`, total, free, used, usedPercent: total === 0 ? 0 : (used / (used + free || 1)) * 100, inodesTotal: facts.files, inodesUsed: facts.files - facts.ffree, inodesFree: facts.ffree, inodesUsedPercent: facts.files === 0 ? 0 : ((facts.files - facts.ffree) / facts.files) * 100 }]
  }))).flat()

const host = async (now: number) => {
  const table = tableOf(await read('/etc/os-release'), /=/)
  return { hostname: hostname(), uptime: Math.trunc(uptime()), bootTime: Math.trunc(now / 1000 - uptime()), procs: 0, os: platform(), platform: table['ID'] ?? '', platformFamily: table['ID_LIKE'] ?? table['ID'] ?? '', platformVersion: table['VERSION_ID'] ?? '', kernelVersion: release(), kernelArch: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(), virtualizationSystem: '', virtualizationRole: '', hostid: (await read('/etc/machine-id')).trim() }
}

export const describeMachine = async (now: number, directories: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
  const [load1, load5, load15] = loadavg()
  return { cpu: await processors(), cpu_times: times(), disk: await disks(directories), host: await host(now), load: { load1, load5, load15 }, memory: await memory(), timestamp: new Date(now).toISOString() }
}
