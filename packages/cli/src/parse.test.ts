import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf, type Invocation } from './command.ts'
import { CliFailure } from './failure.ts'
import { findCommand, parseInvocation, splitAtDashes } from './parse.ts'
import { commands } from './registry.ts'

const parse = (...argv: string[]): Invocation => {
  const { before, rest } = splitAtDashes(argv)
  const { command, args } = findCommand(before, commands)
  assert.ok(command, `a command in ${argv.join(' ')}`)
  return parseInvocation(command, args, rest)
}

const failure = (...argv: string[]): CliFailure => {
  try {
    parse(...argv)
  } catch (error) {
    assert.ok(error instanceof CliFailure)
    assert.equal(error.kind, 'invalid_request')
    return error
  }
  throw new assert.AssertionError({ message: `${argv.join(' ')} was taken` })
}

test('global flags may stand before, between and after the words of a command', () => {
  for (const argv of [['--env', 'dev', 'secret', 'get', 'x'], ['secret', '--env=dev', 'get', 'x'], ['secret', 'get', 'x', '--env', 'dev'], ['-o', 'json', 'secret', 'get', '--environment', 'dev', 'x']]) {
    const invocation = parse(...argv)
    assert.equal(nameOf(invocation.command), 'secret get')
    assert.deepEqual(invocation.args, ['x'])
    assert.equal(invocation.text('env'), 'dev')
  }
})

test('a value that looks like a command word is a value', () => {
  const invocation = parse('--env', 'secret', 'secret', 'list', 'list')
  assert.equal(nameOf(invocation.command), 'secret list')
  assert.equal(invocation.text('env'), 'secret')
  assert.deepEqual(invocation.args, ['list'])
})

test('what stands after the first two dashes belongs to the program, flags included', () => {
  const invocation = parse('run', '--env', 'dev', '--', 'npm', 'start', '--', '--env', 'x')
  assert.deepEqual(invocation.rest, ['npm', 'start', '--', '--env', 'x'])
  assert.equal(invocation.text('env'), 'dev')
  assert.deepEqual(invocation.args, [])
})

test('a program without the two dashes is refused with how to write it', () => {
  assert.match(failure('run', 'npm', 'start').hint ?? '', /-- COMMAND/)
  assert.match(failure('run').message, /missing/)
  assert.match(failure('run', '--').message, /missing/)
  assert.match(failure('secret', 'list', '--', 'x').message, /nothing after/)
})

test('an unknown flag is refused with the nearest one', () => {
  assert.match(failure('secret', 'get', 'x', '--alais', 'y').hint ?? '', /--alias/)
  assert.match(failure('--evn', 'dev', 'secret', 'list').hint ?? '', /--env/)
  assert.match(failure('secret', 'get', 'x', '-z').message, /-z/)
})

test('wrong values name the flag and never the value', () => {
  for (const error of [
    failure('secret', 'get', 'x', '--alias'),
    failure('secret', 'set', 'x', '--expect-version', 'hunter2'),
    failure('secret', 'set', 'x', '--type', 'hunter2'),
    failure('secret', 'set', 'x', '--exact=hunter2'),
    failure('secret', 'set', 'x', 'hunter2'),
    failure('secret', 'set', 'x', '--value=hunter2'),
    failure('secret', 'set', 'x', '--value', 'hunter2'),
  ]) {
    assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /hunter2/)
  }
})

test('lists repeat, and take commas', () => {
  assert.deepEqual(parse('token', 'create', 'ci', '--policy', 'a,b', '--policy', 'c').list('policy'), ['a', 'b', 'c'])
  assert.deepEqual(parse('token', 'create', 'ci').list('policy'), [])
})

test('help needs no arguments', () => {
  assert.equal(parse('secret', 'get', '--help').has('help'), true)
})

test('every command has a summary, unique words, and flags that no global one shadows', () => {
  const names = commands.map(nameOf)
  assert.equal(new Set(names).size, names.length)
  for (const command of commands) {
    assert.match(command.summary, /^[A-Z].*[^.]$/, nameOf(command))
    for (const name of Object.keys(command.flags ?? {})) assert.match(name, /^[a-z][a-z-]*$/)
    for (const global of ['address', 'env', 'output', 'help']) assert.equal(command.flags?.[global], undefined)
  }
})

test('the code of every command is there', async () => {
  for (const command of commands) {
    if (command.load !== undefined) assert.equal(typeof (await command.load()), 'function', nameOf(command))
  }
})
