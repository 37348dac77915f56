// needs: python-clients, openldap, freeradius
// hvac's auth methods, unmodified: its own assertions are in python/hvac_auth.py.

import { join } from 'node:path'
import { test } from 'node:test'
import { startAws } from '../fakes/aws.ts'
import { startGithub } from '../fakes/github.ts'
import { startGoogle } from '../fakes/google.ts'
import { startIssuer } from '../fakes/issuer.ts'
import type { Scope } from '../support/cleanup.ts'
import { startFreeRadius } from '../support/freeradius.ts'
import { startOpenLdap } from '../support/openldap.ts'
import { runPythonTests } from '../support/python.ts'
import { startDevServer } from '../support/server.ts'

/** What the methods of people and clouds ask, and who logs in. */
const others = async (scope: Scope): Promise<Readonly<Record<string, string>>> => {
  const people = 'ou=people,dc=example,dc=org'
  const directory = await startOpenLdap(scope, [{ uid: 'ann', rdn: 'uid=ann', cn: 'Ann', password: 'secret of ann' }], [{ rdn: 'cn=Developers', cn: 'Developers', members: [`uid=ann,${people}`] }])
  const radius = await startFreeRadius(scope, { ann: 'secret of ann' })
  const github = await startGithub(scope)
  github.organization('acme')
  const aws = await startAws(scope)
  const arn = 'arn:aws:iam::123456789012:user/ann'
  const keys = aws.keys(arn)
  const azure = await startIssuer(scope, 'RS256')
  const tenant = '11111111-2222-3333-4444-555555555555'
  const google = await startGoogle(scope)
  const account = 'builder@acme-prod.iam.gserviceaccount.com'
  return {
    TEST_LDAP_URL: directory.tlsAddress, TEST_LDAP_PEOPLE: directory.people, TEST_LDAP_GROUPS: directory.groups, TEST_LDAP_BINDDN: directory.bindName, TEST_LDAP_BINDPASS: directory.bindPassword, TEST_LDAP_CA: directory.authority,
    TEST_RADIUS_PORT: String(radius.port), TEST_RADIUS_SECRET: radius.secret,
    TEST_GITHUB_URL: github.address, TEST_GITHUB_TOKEN: github.token('octocat', ['acme'], ['acme/core']),
    TEST_AWS_URL: aws.address, TEST_AWS_ARN: arn, TEST_AWS_KEY: keys.accessKey, TEST_AWS_SECRET: keys.secretKey,
    TEST_AZURE_TENANT: tenant, TEST_ISSUER_KEYS: `${azure.address}/keys`, TEST_AZURE_JWT: await azure.sign({ iss: `https://sts.windows.net/${tenant}/`, aud: 'https://vault.example', oid: 'object-1' }),
    TEST_GOOGLE_URL: google.address, TEST_GCP_ACCOUNT: account, TEST_GCP_JWT: await google.self(account, { aud: 'https://vault.example/vault/app' }),
  }
}

test('hvac logs in by every method that it and the server have', async (t) => {
  const { server, rootToken } = await startDevServer(t)
  const issuer = await startIssuer(t)
  const env = { VAULT_ADDR: server.address, TEST_ROOT_TOKEN: rootToken, TEST_PUBLIC_KEY: await issuer.publicPem(), TEST_JWT: await issuer.sign({ sub: 'job', env: 'prod' }), ...(await others(t)) }
  await runPythonTests(join(import.meta.dirname, 'python', 'hvac_auth.py'), env)
})
