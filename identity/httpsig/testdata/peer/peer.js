// Signs requests with another's HTTP Message Signatures (RFC 9421).
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { httpbis } from 'http-message-signatures'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const results = []
for (const job of JSON.parse(await text(process.stdin))) {
  const digest = createHash('sha256').update(job.body).digest('base64')
  const message = {
    method: 'POST',
    url: job.url,
    headers: { 'content-type': 'application/json', 'content-digest': `sha-256=:${digest}:` },
  }
  const signed = await httpbis.signMessage({
    key: { id: 'unit-1', alg: 'ed25519', sign: async (data) => sign(null, data, privateKey) },
    name: 'device',
    fields: job.fields,
    params: job.params,
    paramValues: { created: new Date(job.created * 1000), nonce: 'n-1' },
  }, message)
  const headers = {}
  for (const [name, value] of Object.entries(signed.headers)) headers[name.toLowerCase()] = String(value)
  results.push({ headers, key: publicKey.export({ format: 'jwk' }).x })
}
console.log(JSON.stringify(results))
