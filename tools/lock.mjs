// A lock between processes on one machine: a file that names its holder, created exclusively, abandoned when the
// holder is dead. Plain JavaScript: tools/bootstrap.mjs uses it before anything is installed.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { kill, pid } from 'node:process'

function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function isAlive(holder) {
  try {
    kill(holder, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** A hard link appears with its content in one step, so nobody ever reads a lock without a holder. */
function take(path) {
  const mine = `${path}.${pid}`
  writeFileSync(mine, String(pid))
  try {
    linkSync(mine, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Removes the lock of a dead holder. Renaming decides between two waiters; whoever finds a living one puts it back. */
function clearIfAbandoned(path) {
  const aside = `${path}.${pid}.old`
  try {
    if (isAlive(Number(readFileSync(path, 'utf8')))) return
    renameSync(path, aside)
    if (isAlive(Number(readFileSync(aside, 'utf8')))) renameSync(aside, path)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

/** Runs `work` while holding the lock at `path`; waits for as long as its holder lives. */
export function withLock(path, work) {
  while (!take(path)) {
    clearIfAbandoned(path)
    pause(100)
  }
  try {
    return work()
  } finally {
    rmSync(path, { force: true })
  }
}
