// A password that meets a policy: what each rule asks for from its own set, the rest from all of them, in random order.

import { randomInt } from '../../../crypto/random.ts'
import type { PasswordPolicy } from './parse.ts'

const drawn = (from: readonly string[], count: number): string[] => Array.from({ length: count }, () => from[randomInt(0, from.length)] ?? '')

/** Fisher and Yates: every order is as likely as any other. */
const shuffled = (characters: string[]): string[] => {
  for (let last = characters.length - 1; last > 0; last--) {
    const other = randomInt(0, last + 1)
    const kept = characters[last] ?? ''
    characters[last] = characters[other] ?? ''
    characters[other] = kept
  }
  return characters
}

export const makePassword = ({ length, rules }: PasswordPolicy): string => {
  const every = [...new Set(rules.flatMap(({ charset }) => charset))]
  const required = rules.flatMap(({ charset, minChars }) => drawn(charset, minChars))
  return shuffled([...required, ...drawn(every, length - required.length)]).join('')
}
