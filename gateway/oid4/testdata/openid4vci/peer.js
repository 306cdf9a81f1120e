// A wallet's side of OpenID4VCI by @openid4vc/openid4vci, with keys of Node's. It
// reads an array of jobs, and writes an array of what came of each.
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import {
  clientAuthenticationAnonymous, clientAuthenticationClientAttestationJwt, clientAuthenticationNone, setGlobalConfig,
} from '@openid4vc/oauth2'
import { Openid4vciClient } from '@openid4vc/openid4vci'

setGlobalConfig({ allowInsecureUrls: true }) // loopback

const encode = (v) => Buffer.from(JSON.stringify(v)).toString('base64url')
const keys = new Map() // private keys by the x of their public

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  keys.set(jwk.x, privateKey)
  return jwk
}

const unused = () => { throw new Error('this is not used') }

// attest has a wallet's maker vouch for one of its keys.
function attest({ key, x5c, iss, client }) {
  const header = { alg: 'ES256', typ: 'oauth-client-attestation+jwt', x5c }
  const payload = { iss, sub: client, exp: Math.floor(Date.now() / 1000) + 300, cnf: { jwk: newKey() } }
  const head = `${encode(header)}.${encode(payload)}`
  const signature = sign('sha256', Buffer.from(head), { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' })
  return `${head}.${signature.toString('base64url')}`
}

const signing = {
  hash: (data, alg) => createHash(alg.replace('-', '')).update(data).digest(),
  generateRandom: (n) => randomBytes(n),
  signJwt: (signer, { header, payload }) => {
    const jwk = signer.publicJwk ?? JSON.parse(Buffer.from(signer.didUrl.split(/[:#]/)[2], 'base64url'))
    const head = `${encode(header)}.${encode(payload)}`
    const signature = sign('sha256', Buffer.from(head), { key: keys.get(jwk.x), dsaEncoding: 'ieee-p1363' })
    return { jwt: `${head}.${signature.toString('base64url')}`, signerJwk: jwk }
  },
  verifyJwt: unused, decryptJwe: unused, encryptJwe: unused,
}

function authentication({ client, attester }) {
  if (attester) {
    return clientAuthenticationClientAttestationJwt({ clientAttestationJwt: attest({ ...attester, client }), callbacks: signing })
  }
  return client ? clientAuthenticationNone({ clientId: client }) : clientAuthenticationAnonymous()
}

// approve does what a browser does.
async function approve(url) {
  const answer = await fetch(url, { redirect: 'manual' })
  return answer.headers.get('location')
}

async function token(wallet, job, credentialOffer, issuerMetadata, dpop) {
  if (!job.redirect) {
    return wallet.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: job.txCode, dpop })
  }
  const started = await wallet.initiateAuthorization({
    credentialOffer, issuerMetadata, clientId: job.client, redirectUri: job.redirect, dpop,
    scope: issuerMetadata.credentialIssuer.credential_configurations_supported[job.configuration].scope,
  })
  const [authorizationServerMetadata] = issuerMetadata.authorizationServers
  const { code } = wallet.parseAndVerifyAuthorizationResponseRedirectUrl({
    url: await approve(started.authorizationRequestUrl), authorizationServerMetadata,
  })
  return wallet.retrieveAuthorizationCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, authorizationCode: code, redirectUri: job.redirect, dpop,
    pkceCodeVerifier: started.pkce.codeVerifier,
  })
}

// vouch has a maker attest the wallet's keys (appendix D).
function vouch({ key, x5c }, holders, nonce) {
  const now = Math.floor(Date.now() / 1000)
  const header = { alg: 'ES256', typ: 'key-attestation+jwt', x5c }
  const payload = { iat: now, exp: now + 300, attested_keys: holders, key_storage: ['iso_18045_high'], nonce }
  const head = `${encode(header)}.${encode(payload)}`
  const signature = sign('sha256', Buffer.from(head), { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' })
  return `${head}.${signature.toString('base64url')}`
}

async function receive(job) {
  const wallet = new Openid4vciClient({ callbacks: { ...signing, clientAuthentication: authentication(job) } })
  const offer = await wallet.resolveCredentialOffer(job.link)
  const issuerMetadata = await wallet.resolveIssuerMetadata(offer.credential_issuer)
  const bound = job.dpop ? { signer: { method: 'jwk', alg: 'ES256', publicJwk: newKey() } } : undefined
  const granted = await token(wallet, job, offer, issuerMetadata, bound)
  const accessToken = granted.accessTokenResponse.access_token
  const { c_nonce: nonce } = await wallet.requestNonce({ issuerMetadata })
  const holders = Array.from({ length: job.count ?? 1 }, newKey)
  const jwt = []
  const keyAttestationJwt = job.keyAttester && vouch(job.keyAttester, holders, nonce)
  // One proof stands for all keys that are attested with its own.
  for (const publicJwk of keyAttestationJwt ? holders.slice(0, 1) : holders) {
    const didUrl = `did:jwk:${encode(publicJwk)}#0`
    const signer = job.did ? { method: 'did', didUrl, alg: 'ES256' } : { method: 'jwk', publicJwk, alg: 'ES256' }
    const made = await wallet.createCredentialRequestJwtProof({
      issuerMetadata, credentialConfigurationId: job.configuration, nonce, signer, clientId: job.client, keyAttestationJwt,
    })
    jwt.push(made.jwt)
  }
  const next = (answer) => bound && { ...bound, nonce: answer.dpop?.nonce }
  let dpop = next(granted)
  let got = await wallet.retrieveCredentials({
    issuerMetadata, accessToken, credentialConfigurationId: job.configuration, dpop,
    proofs: job.attestation ? { attestation: [keyAttestationJwt] } : { jwt },
  })
  dpop = next(got)
  const later = got.credentialResponse.transaction_id
  if (later) {
    got = await wallet.retrieveDeferredCredentials({ issuerMetadata, accessToken, transactionId: later, dpop })
    got.credentialResponse = got.deferredCredentialResponse
    dpop = next(got)
  }
  const answer = got.credentialResponse
  if (answer.notification_id) {
    await wallet.sendNotification({
      issuerMetadata, accessToken, dpop, notification: { notificationId: answer.notification_id, event: 'credential_accepted' },
    })
  }
  return { credentials: answer.credentials.map((c) => c.credential), holders, tokenType: granted.accessTokenResponse.token_type, later: Boolean(later) }
}

let input = ''
for await (const part of process.stdin) input += part
const results = []
for (const job of JSON.parse(input)) {
  try {
    results.push({ ok: true, ...await receive(job) })
  } catch (e) {
    results.push({ ok: false, error: `${e?.message}: ${JSON.stringify(e?.response?.credentialErrorResponseResult?.data ?? e?.errorResponse ?? null)}` })
  }
}
process.stdout.write(JSON.stringify(results))
