// docs/reference/errors.md: every code that the server answers, from its source. A code that was once in the list stays
// there as retired, so that it is never used again for something else.

import { kindFacts, type ErrorKind } from '../../packages/server/src/kernel/errors.ts'
import { findErrorSites, type ErrorSite } from './error-sites.ts'
import { cell, table } from './markdown.ts'

const grpcNames: Readonly<Record<number, string>> = { 3: 'INVALID_ARGUMENT', 5: 'NOT_FOUND', 7: 'PERMISSION_DENIED', 8: 'RESOURCE_EXHAUSTED', 10: 'ABORTED', 13: 'INTERNAL', 14: 'UNAVAILABLE', 16: 'UNAUTHENTICATED' }

const introduction = `# Error codes

Generated from the server's source by \`npm run generate\`; do not edit.

A program goes by \`code\`, never by the words of \`message\`. The native and the flat door answer \`{"error": true, "message": ..., "data": {"code", "field", "requestId"}}\`; the gRPC door puts the code and the request id into the trailing metadata \`x-coffer-error-code\` and \`x-request-id\`; the Vault-compatible door answers
\`{"errors": [message]}\`, with 403 where others say 401, and 400 where others say 409. Where a message shows …, the answer has a name or number of the request.

## Kinds

`

const kinds = (): string =>
  table(['kind', 'HTTP', 'gRPC', 'exit code of the CLI'], Object.entries(kindFacts).map(([kind, facts]) => [`\`${kind}\``, String(facts.http), grpcNames[facts.grpc] ?? String(facts.grpc), String(facts.cliExit)]))

const statusOf = ({ kind, httpStatus }: ErrorSite): number => {
  if (httpStatus !== undefined) return httpStatus
  if (!(kind in kindFacts)) throw new Error(`there is no kind of error ${kind}`)
  return kindFacts[kind as ErrorKind].http // as just checked
}

const distinct = <T>(values: readonly T[]): readonly T[] => [...new Set(values)]

const row = (code: string, sites: readonly ErrorSite[]): readonly string[] => [
  `\`${code}\``,
  distinct(sites.map(({ kind }) => kind)).toSorted().join(', '),
  distinct(sites.map(statusOf)).toSorted((a, b) => a - b).join(', '),
  distinct(sites.map(({ message }) => message).filter((message) => message !== '')).toSorted().map(cell).join('<br>'),
]

const areaOf = (code: string): string => (code.includes('.') ? (code.split('.')[0] ?? '') : 'general')

const listed = (part: string): ReadonlySet<string> => new Set([...part.matchAll(/^(?:\| |- )`([A-Za-z_.-]+)`(?= \||$)/gm)].map((match) => match[1] ?? ''))

/** The codes that an earlier list holds, retired ones included; the table of kinds comes before them. */
export const listedCodes = (document: string): ReadonlySet<string> => listed(/^## Kinds$.*?^## (.*)$/ms.exec(document)?.[1] ?? '')

const RETIRED = '\n## Retired\n'

export const retiredCodes = (document: string): ReadonlySet<string> => listed(document.split(RETIRED)[1] ?? '')

/** @param previous the list as it is now; empty when there is none */
export const renderErrors = (root: string, previous: string): string => {
  const byCode = Map.groupBy(findErrorSites(root), ({ code }) => code)
  const areas = Map.groupBy([...byCode.keys()].toSorted(), areaOf)
  const sections = [...areas].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([area, codes]) => `## ${area}\n\n${table(['code', 'kind', 'HTTP', 'message'], codes.map((code) => row(code, byCode.get(code) ?? [])))}`)
  const retired = [...listedCodes(previous)].filter((code) => !byCode.has(code)).toSorted()
  const last = retired.length === 0 ? '' : `${RETIRED}\nNo longer answered, and never to be used again.\n\n${retired.map((code) => `- \`${code}\`\n`).join('')}`
  return `${introduction}${kinds()}\n${sections.join('\n')}${last}`
}
