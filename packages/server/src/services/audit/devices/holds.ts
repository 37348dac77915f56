// Which devices still need spooled records, told to the supervisor over the disk they share: it removes the streams of
// ended workers, also while the server is sealed and nobody could tell it which devices there are.

import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = 'devices.json'
const ID = /^[0-9a-f-]{36}$/

/** The name of a device's cursor. */
export const sinkName = (deviceId: string): string => `device-${deviceId}`

const donePath = (directory: string, deviceId: string): string => join(directory, `done-${sinkName(deviceId)}`)

/** Before the devices take effect: whoever removes spooled records afterwards knows of them. */
export const writeHolds = async (root: string, ids: readonly string[]): Promise<void> => {
  const path = join(root, FILE)
  await writeFile(`${path}.${process.pid}.new`, JSON.stringify({ format: 1, devices: ids }), { mode: 0o600, flush: true })
  await rename(`${path}.${process.pid}.new`, path)
}

/** Undefined: there is a file that cannot be understood, so nothing may be removed. */
export const readHolds = async (root: string): Promise<readonly string[] | undefined> => {
  let text: string
  try {
    text = await readFile(join(root, FILE), 'utf8')
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? [] : undefined
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('devices' in value) || !Array.isArray(value.devices)) return undefined
    return value.devices.filter((id): id is string => typeof id === 'string' && ID.test(id))
  } catch {
    return undefined
  }
}

/** A device has everything of an ended stream. */
export const markDone = (directory: string, deviceId: string): Promise<void> => writeFile(donePath(directory, deviceId), '', { mode: 0o600 })

export const isDone = (directory: string, deviceId: string): Promise<boolean> => stat(donePath(directory, deviceId)).then(() => true, () => false)

/** Whether a device still needs an ended stream. */
export const isHeld = async (root: string, directory: string): Promise<boolean> => {
  const ids = await readHolds(root)
  if (ids === undefined) return true
  for (const id of ids) if (!(await isDone(directory, id))) return true
  return false
}
