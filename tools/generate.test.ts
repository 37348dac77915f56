import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { allContracts } from '../packages/server/src/platform/contracts.ts'
import { drifted } from './generate.ts'
import { findErrorSites } from './generate/error-sites.ts'
import { listedCodes, renderErrors, retiredCodes } from './generate/errors.ts'

const root = dirname(import.meta.dirname)
const committed = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')

test('the generated files are what `npm run generate` writes', () => {
  assert.deepEqual(drifted(root), [])
})

describe('error codes', () => {
  const sites = findErrorSites(root)
  const byCode = Map.groupBy(sites, ({ code }) => code)

  // The same fact, asked in two ways: of a read it is "not found", of a change "not possible".
  const twofold = new Set(['secret.version_destroyed', 'seal.not_initialised'])

  test('a code is of one kind, so that a program may go by it', () => {
    const several = [...byCode].filter(([code, same]) => new Set(same.map(({ kind }) => kind)).size > 1 && !twofold.has(code)).map(([code, same]) => `${code}: ${same.map(({ kind, file, line }) => `${kind} at ${file}:${line}`).join(', ')}`)
    assert.deepEqual(several, [])
  })

  test('codes say area and what', () => {
    const odd = [...byCode.keys()].filter((code) => !/^[a-z][a-z_-]*\.[a-z][a-z0-9_]*$/.test(code))
    assert.deepEqual(odd.toSorted(), ['audit_unavailable', 'internal'])
  })

  test('no code that was listed is gone without being kept as retired, and no retired one is used again', () => {
    const retired = retiredCodes(committed)
    const listed = listedCodes(committed)
    assert.ok(listed.size > 150)
    assert.deepEqual([...listed].filter((code) => !byCode.has(code) && !retired.has(code)), [])
    assert.deepEqual([...retired].filter((code) => byCode.has(code)), [])
  })
})

describe('the list of codes', () => {
  const source = (body: string): string => {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-generate-'))
    const file = join(folder, 'packages/server/src/services/x/x.ts')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, body)
    return folder
  }

  test('reads literal, chosen and named codes, and messages with holes', (t) => {
    const folder = source("const gone = 'x.gone'\n// fail('internal', 'x.comment', 'No.')\nconst a = (b: boolean) => fail('conflict', b ? 'x.one' : 'x.two', b ? `One ${[1, 2].join(', ')}.` : 'Two.')\nconst c = fail('not_found', gone, 'It\\'s gone.', { httpStatus: 410 })\n")
    t.after(() => rmSync(folder, { recursive: true }))
    assert.deepEqual(findErrorSites(folder).map(({ line: _line, file: _file, ...site }) => site), [
      { kind: 'conflict', code: 'x.one', message: 'One ….', httpStatus: undefined },
      { kind: 'conflict', code: 'x.two', message: 'Two.', httpStatus: undefined },
      { kind: 'not_found', code: 'x.gone', message: 'It\'s gone.', httpStatus: 410 },
    ])
  })

  test('reads what the calls of a helper hand to it', (t) => {
    const folder = source("const gone = (code: string, why: string) => fail('not_found', code, why)\nconst bad = (what: 'a' | 'b', text: string) => fail('conflict', `x.bad_${what}`, `Bad: ${text}.`)\nthrow gone('x.first', 'First.')\nthrow gone('x.second', 'Second.')\nthrow bad('a', 'never mind')\n")
    t.after(() => rmSync(folder, { recursive: true }))
    assert.deepEqual(findErrorSites(folder).map(({ kind, code, message }) => `${kind} ${code} ${message}`), ['not_found x.first First.', 'not_found x.second Second.', 'conflict x.bad_a Bad: never mind.'])
  })

  test('a code that cannot be read is an error, not a gap', (t) => {
    const folder = source("const a = (code: string) => fail('conflict', code, 'No.')\n")
    t.after(() => rmSync(folder, { recursive: true }))
    assert.throws(() => findErrorSites(folder), /cannot be read/)
  })

  test('a code that is no longer used is kept as retired, however often the list is written', (t) => {
    const [before, after] = [source("fail('conflict', 'x.old', 'Old.')\nfail('conflict', 'x.kept', 'Kept.')\n"), source("fail('conflict', 'x.kept', 'Kept.')\n")]
    t.after(() => [before, after].forEach((folder) => rmSync(folder, { recursive: true })))
    const first = renderErrors(before, '')
    assert.deepEqual([...listedCodes(first)].toSorted(), ['x.kept', 'x.old'])
    assert.deepEqual([...retiredCodes(first)], [])
    const second = renderErrors(after, first)
    assert.deepEqual([...retiredCodes(second)], ['x.old'])
    assert.equal(renderErrors(after, second), second)
  })
})

test('the reference has a section for each operation of the HTTP doors', () => {
  const reference = readFileSync(join(root, 'docs/reference/rest.md'), 'utf8')
  const missing = allContracts.filter(({ operation }) => operation.path.startsWith('/api/') && !reference.includes(`\n### ${operation.id}\n`))
  assert.deepEqual(missing, [])
})
