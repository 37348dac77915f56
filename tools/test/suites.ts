// Finds the suites. A suite is one test file; what it needs beyond Node is on its first line:
//   // needs: python3, external-postgres
// Files that mount something over the database harness (kernel/testing) need `database` without saying so.
import { globSync, readFileSync } from 'node:fs'

export type Suite = {
  path: string
  /** Names of resources, see resources.ts. */
  needs: string[]
}

const unitPatterns = ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts']
const blackBoxPatterns = ['tests/**/*.test.ts']

function readNeeds(source: string): string[] {
  const declared = /^\/\/ needs: (.*)$/m.exec(source.slice(0, 500))?.[1] ?? ''
  const names = declared.split(',').map((name) => name.trim()).filter((name) => name !== '')
  const usesDatabase = /from '[^']*\/testing\/|COFFER_TEST_DATABASE_URL/.test(source)
  return usesDatabase && !names.includes('database') ? [...names, 'database'] : names
}

function findIn(root: string, patterns: readonly string[], filters: readonly string[]): Suite[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((path) => !path.includes('node_modules'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
    .map((path) => ({ path, needs: readNeeds(readFileSync(`${root}/${path}`, 'utf8')) }))
}

/** Test files whose path holds one of the filters; all of them without filters. */
export function findSuites(root: string, filters: readonly string[]): { unit: Suite[]; blackBox: Suite[] } {
  return { unit: findIn(root, unitPatterns, filters), blackBox: findIn(root, blackBoxPatterns, filters) }
}
