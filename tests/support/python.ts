// Programs of Python clients: their own assertions are in the program.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'

/** Runs a program of `unittest` with these settings and no other; fails with what it wrote, and when it ran no test. */
export const runPythonTests = async (program: string, env: Readonly<Record<string, string>>): Promise<void> => {
  const python = process.env['COFFER_TEST_PYTHON_CLIENTS']
  assert.ok(python !== undefined, 'the runner gives a Python with the clients installed')
  const child = spawn(python, [program], { env: { PATH: process.env['PATH'] ?? '', ...env } })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  assert.equal(code, 0, output)
  assert.match(output, /Ran [1-9]\d* tests/)
}
