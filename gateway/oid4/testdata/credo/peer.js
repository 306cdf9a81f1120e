// A whole wallet, Credo, that receives credentials by OpenID4VCI and keeps them in
// memory. It reads an array of jobs, and writes an array of what came of each.
import 'reflect-metadata'
import { createPrivateKey, sign } from 'node:crypto'
import { Agent, InjectionSymbols, Kms, MdocRecord, RecordDuplicateError, RecordNotFoundError, SdJwtVcRecord, StorageVersionRecord, UpdateAssistant } from '@credo-ts/core'
import { NodeInMemoryKeyManagementStorage, NodeKeyManagementService, agentDependencies } from '@credo-ts/node'
import { OpenId4VcModule } from '@credo-ts/openid4vc'

// Memory is the storage that Credo asks for.
class Memory {
  supportsCursorPagination = false
  records = new Map()

  async save(_, record) {
    if (this.records.has(record.id)) throw new RecordDuplicateError('there', { recordType: record.type })
    this.records.set(record.id, record)
  }

  async update(_, record) { this.records.set(record.id, record) }
  async delete(_, record) { this.records.delete(record.id) }
  async deleteById(_, type, id) { this.records.delete(id) }

  async getById(_, type, id) {
    const record = this.records.get(id)
    if (!record) throw new RecordNotFoundError('absent', { recordType: type.type })
    return record
  }

  async getAll(_, type) { return [...this.records.values()].filter((r) => r.type === type.type) }

  async findByQuery(context, type, query) {
    const all = await this.getAll(context, type)
    return all.filter((r) => matches(query, r.getTags()))
  }
}

// matches reads a query as Credo writes it.
function matches(query, tags) {
  return Object.entries(query).every(([name, v]) => {
    if (name === '$or') return v.some((q) => matches(q, tags))
    if (name === '$and') return v.every((q) => matches(q, tags))
    if (name === '$not') return !matches(v, tags)
    return Array.isArray(v) ? v.every((one) => tags[name]?.includes(one)) : v === undefined || tags[name] === v
  })
}

const memory = new Memory()
await memory.save(null, new StorageVersionRecord({ storageVersion: UpdateAssistant.frameworkStorageVersion }))

const agent = new Agent({
  config: { allowInsecureHttpUrls: true }, // loopback
  dependencies: agentDependencies,
  modules: {
    storage: { register: (manager) => manager.registerInstance(InjectionSymbols.StorageService, memory) },
    kms: new Kms.KeyManagementModule({ backends: [new NodeKeyManagementService(new NodeInMemoryKeyManagementStorage())] }),
    openid4vc: new OpenId4VcModule(),
  },
})
await agent.initialize()

const wallet = agent.openid4vc.holder
const ec = { kty: 'EC', crv: 'P-256' }

async function bind(job) {
  if (job.did) {
    const { didState } = await agent.dids.create({ method: 'jwk', options: { createKey: { type: ec } } })
    return { method: 'did', didUrls: [`${didState.did}#0`] }
  }
  const key = await agent.kms.createKey({ type: ec })
  return { method: 'jwk', keys: [Kms.PublicJwk.fromPublicJwk(key.publicJwk)] }
}

// attest has a wallet's maker vouch for one of its keys.
async function attest({ client, attester }) {
  if (!attester) return undefined
  const { key, x5c, iss } = attester
  const { keyId, publicJwk } = await agent.kms.createKey({ type: ec })
  const header = { alg: 'ES256', typ: 'oauth-client-attestation+jwt', x5c }
  const payload = { iss, sub: client, exp: Math.floor(Date.now() / 1000) + 300, cnf: { jwk: { ...publicJwk, kid: keyId } } }
  const head = [header, payload].map((v) => Buffer.from(JSON.stringify(v)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(head), { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' })
  return `${head}.${signature.toString('base64url')}`
}

async function token(job, resolvedCredentialOffer) {
  const walletAttestationJwt = await attest(job)
  if (!job.redirect) return wallet.requestToken({ resolvedCredentialOffer, txCode: job.txCode, walletAttestationJwt })
  const started = await wallet.resolveOpenId4VciAuthorizationRequest(resolvedCredentialOffer, {
    clientId: job.client, redirectUri: job.redirect, walletAttestationJwt,
    scope: [resolvedCredentialOffer.offeredCredentialConfigurations[job.configuration].scope],
  })
  const answer = await fetch(started.authorizationRequestUrl, { redirect: 'manual' })
  const { authorizationCode } = wallet.parseAuthorizationCodeFromAuthorizationResponse({
    authorizationResponseRedirectUrl: answer.headers.get('location'), resolvedCredentialOffer,
  })
  return wallet.requestToken({
    resolvedCredentialOffer, code: authorizationCode, clientId: job.client, redirectUri: job.redirect,
    codeVerifier: started.codeVerifier, dpop: started.dpop, walletAttestationJwt,
  })
}

async function receive(job) {
  agent.x509.config.setTrustedCertificates(job.roots)
  const resolvedCredentialOffer = await wallet.resolveCredentialOffer(job.link)
  const granted = await token(job, resolvedCredentialOffer)
  const got = await wallet.requestCredentials({
    resolvedCredentialOffer, ...granted, clientId: job.client,
    credentialConfigurationIds: [job.configuration],
    credentialBindingResolver: () => bind(job),
  })
  const [{ record, notificationId }] = got.credentials
  if (notificationId) {
    await wallet.sendNotification({
      metadata: resolvedCredentialOffer.metadata, notificationId, accessToken: granted.accessToken,
      notificationEvent: 'credential_accepted', dpop: granted.dpop && (got.dpop ?? granted.dpop),
    })
  }
  const first = record.firstCredential
  let claims = {}
  if (record instanceof SdJwtVcRecord) claims = first.prettyClaims
  if (record instanceof MdocRecord) claims = Object.assign({}, ...Object.values(first.issuerSignedNamespaces))
  const text = record.encoded ?? first.compact ?? first.serializedJwt ?? first.base64Url
  const answer = job.question ? await answerTo(job.question, record) : undefined
  return { credentials: [text], claims, tokenType: granted.accessTokenResponse.token_type, answer }
}

// answerTo answers a verifier that asks by a presentation definition.
async function answerTo(question, record) {
  await agent.w3cCredentials.store({ record })
  const { authorizationRequestPayload, presentationExchange } = await wallet.resolveOpenId4VpAuthorizationRequest(question)
  const credentials = wallet.selectCredentialsForPresentationExchangeRequest(presentationExchange.credentialsForRequest)
  const { serverResponse } = await wallet.acceptOpenId4VpAuthorizationRequest({
    authorizationRequestPayload, presentationExchange: { credentials },
  })
  if (serverResponse?.status !== 200) throw new Error(JSON.stringify(serverResponse))
  return serverResponse.status
}

let input = ''
for await (const part of process.stdin) input += part
const results = []
for (const job of JSON.parse(input)) {
  try {
    results.push({ ok: true, ...await receive(job) })
  } catch (e) {
    results.push({ ok: false, error: `${e?.stack}: ${e?.cause?.stack}` })
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit(0))
