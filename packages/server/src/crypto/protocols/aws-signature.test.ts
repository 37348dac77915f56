import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signAwsPost } from './aws-signature.ts'
import { secret } from '../secret.ts'

test('a form is signed as in the vector post-x-www-form-urlencoded of AWS\'s test suite', () => {
  const headers = signAwsPost(
    { host: 'example.amazonaws.com', path: '/', body: 'Param1=value1', contentType: 'application/x-www-form-urlencoded' },
    { accessKey: 'AKIDEXAMPLE', secretKey: secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'), region: 'us-east-1', service: 'service' },
    Date.UTC(2015, 7, 30, 12, 36, 0),
  )
  assert.equal(headers['x-amz-date'], '20150830T123600Z')
  assert.equal(
    headers['authorization'],
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  )
})
