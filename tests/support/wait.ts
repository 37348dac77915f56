// Waiting in black-box tests: for something to become true, never for an amount of time.

import { setTimeout as sleep } from 'node:timers/promises'

/** The limit only ends a test that hangs. */
export const until = async (condition: () => boolean | Promise<boolean>, what: string, limitMs = 60_000): Promise<void> => {
  const limit = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`Never came true: ${what}`)
    await sleep(20)
  }
}

/** A number from the environment (`COFFER_TEST_...`), so that a test can be made longer without an edit. */
export const numberFromEnvironment = (name: string, fallback: number): number => {
  const value = Number(process.env[name] ?? fallback)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0`)
  return value
}
