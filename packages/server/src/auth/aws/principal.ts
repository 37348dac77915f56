// Names of users and roles of AWS (Amazon Resource Names). Pure.

import { globMatches } from '../../lib/jwt-claims.ts'

export interface Principal {
  readonly partition: string
  readonly account: string
  readonly type: 'user' | 'role' | 'assumed-role' | 'instance-profile'
  readonly name: string
  /** Of an assumed role. */
  readonly session: string
}

/** Undefined for what names neither a user nor a role. */
export const parseArn = (arn: string): Principal | undefined => {
  const match = /^arn:(aws[a-z-]*):(iam|sts)::(\d{12}):(user|role|assumed-role|instance-profile)\/([\w+=,.@/-]{1,1024})$/.exec(arn)
  if (match === null) return undefined
  const [, partition = '', service, account = '', type = '', rest = ''] = match
  const parts = rest.split('/')
  if (parts.some((each) => each === '')) return undefined
  // An assumed role is a session of STS; everything else is IAM's.
  if ((type === 'assumed-role') !== (service === 'sts')) return undefined
  if (type !== 'assumed-role') return { partition, account, type: type as Principal['type'], name: parts.at(-1) ?? '', session: '' } // one of the four, by the pattern
  return parts.length === 2 ? { partition, account, type, name: parts[0] ?? '', session: parts[1] ?? '' } : undefined
}

/** Without the path, which an assumed role does not have, and without the session. */
export const canonicalArn = ({ partition, account, type, name }: Principal): string => `arn:${partition}:iam::${account}:${type === 'assumed-role' ? 'role' : type}/${name}`

export const isPattern = (arn: string): boolean => arn.endsWith('*')

export const matchesPattern = (patterns: readonly string[], fullArn: string): boolean => patterns.some((each) => isPattern(each) && globMatches(each, fullArn))
