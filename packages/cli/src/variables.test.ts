import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isDangerous, sortVariables } from './variables.ts'

test('names that load code, read settings or find programs are dangerous, in any case', () => {
  const names = 'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PATH HOME NODE_OPTIONS BASH_ENV ENV PYTHONPATH PYTHONSTARTUP PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS GIT_SSH_COMMAND GIT_CONFIG_COUNT IFS SHELLOPTS PS4 PROMPT_COMMAND BASH_FUNC_ls%% SSLKEYLOGFILE'
  for (const name of names.split(' ')) {
    assert.equal(isDangerous(name), true, name)
    assert.equal(isDangerous(name.toLowerCase()), true, name)
  }
})

test('what applications call their settings is not', () => {
  for (const name of ['DATABASE_URL', 'PASSWORD', 'USER', 'PORT', 'PATHS', 'HOMEPAGE', 'ENVIRONMENT', 'NODE_ENV', 'AWS_SECRET_ACCESS_KEY', 'LDAP_PASSWORD', 'GITHUB_TOKEN', 'HTTP_PROXY']) {
    assert.equal(isDangerous(name), false, name)
  }
})

test('every variable ends up in one place, and none that is passed on could not be exported', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('PATH', 'A', '_b1', '1c', 'x-y', 'LD_X', '')), fc.oneof(fc.string(), fc.constant('a\0b'))), (given) => {
      const { variables, dangerous, unusable } = sortVariables(given)
      assert.deepEqual([...Object.keys(variables), ...dangerous, ...unusable].sort(), Object.keys(given).sort())
      for (const [name, value] of Object.entries(variables)) {
        assert.match(name, /^[A-Za-z_]\w*$/)
        assert.ok(!value.includes('\0') && !isDangerous(name))
        assert.equal(value, given[name])
      }
    }),
  )
})
