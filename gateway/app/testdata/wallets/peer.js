// Wallets that are not ours and go on: Credo, and one of @openid4vc's libraries with
// keys of Node's. Reads a job a line, and answers each with a line. Jobs name the
// wallet that does them.
import "reflect-metadata";
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, verify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import {
  Agent, ConsoleLogger, InjectionSymbols, Kms, LogLevel, MdocRecord, RecordNotFoundError, SdJwtVcRecord, StorageVersionRecord, X509Certificate as Certificate,
} from "@credo-ts/core";
import { agentDependencies, NodeInMemoryKeyManagementStorage, NodeKeyManagementService } from "@credo-ts/node";
import { OpenId4VcModule } from "@credo-ts/openid4vc";
import { clientAuthenticationAnonymous } from "@openid4vc/oauth2";
import { Openid4vciClient } from "@openid4vc/openid4vci";
import { Openid4vpClient } from "@openid4vc/openid4vp";
import express from "express";
import { CompactEncrypt, importJWK } from "jose";

const segment = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const sha256 = (data) => createHash("sha256").update(data).digest();

// Memory keeps a wallet's records while it runs.
class Memory {
  supportsCursorPagination = false;
  records = new Map();
  async save(_, record) { this.records.set(record.id, record); }
  async update(_, record) { this.records.set(record.id, record); }
  async delete(_, record) { this.records.delete(record.id); }
  async deleteById(_, kind, id) { this.records.delete(id); }
  async getById(_, kind, id) {
    const record = this.records.get(id);
    if (!record) throw new RecordNotFoundError("no such record", { recordType: kind.type });
    return record;
  }
  async getAll(_, kind) { return [...this.records.values()].filter((r) => r.type === kind.type); }
  async findByQuery(context, kind, query) {
    const fits = (record, q) => Object.entries(q).every(([name, value]) => {
      if (name === "$or") return value.some((one) => fits(record, one));
      if (name === "$and") return value.every((one) => fits(record, one));
      if (name === "$not") return !fits(record, value);
      const tag = record.getTags()[name];
      return Array.isArray(value) ? value.every((v) => tag?.includes(v)) : value === undefined || tag === value;
    });
    return (await this.getAll(context, kind)).filter((record) => fits(record, query));
  }
}

const agents = new Map();

// credo is the Credo of a name, which trusts the given certificates. It may serve a
// verifier on loopback.
async function credo(name, trusted, serves) {
  let agent = agents.get(name);
  if (!agent) {
    const memory = new Memory();
    await memory.save(undefined, new StorageVersionRecord({ storageVersion: StorageVersionRecord.frameworkStorageVersion }));
    agent = new Agent({
      config: { logger: new ConsoleLogger(LogLevel.off), allowInsecureHttpUrls: !!serves },
      dependencies: agentDependencies,
      modules: {
        storage: { register: (manager) => manager.registerInstance(InjectionSymbols.StorageService, memory) },
        kms: new Kms.KeyManagementModule({ backends: [new NodeKeyManagementService(new NodeInMemoryKeyManagementStorage())] }),
        openid4vc: new OpenId4VcModule(serves),
      },
    });
    await agent.initialize();
    agents.set(name, agent);
  }
  agent.x509.config.setTrustedCertificates(trusted);
  return agent;
}

async function bind(agent, byDID) {
  const type = { kty: "EC", crv: "P-256" };
  if (byDID) {
    const { didState } = await agent.dids.create({ method: "jwk", options: { createKey: { type } } });
    return { method: "did", didUrls: [`${didState.did}#0`] };
  }
  const key = await agent.kms.createKey({ type });
  return { method: "jwk", keys: [Kms.PublicJwk.fromPublicJwk(key.publicJwk)] };
}

// attest has a wallet's maker vouch for one of its keys.
async function attest(agent, client, { key, x5c, iss }) {
  const { keyId, publicJwk } = await agent.kms.createKey({ type: { kty: "EC", crv: "P-256" } });
  const payload = { iss, sub: client, exp: Math.floor(Date.now() / 1000) + 300, cnf: { jwk: { ...publicJwk, kid: keyId } } };
  return compact({ alg: "ES256", typ: "oauth-client-attestation+jwt", x5c }, payload, createPrivateKey({ key, format: "jwk" }));
}

// What Credos asked for, and wait for the browser to come back with.
const asked = new Map();

// store keeps what a Credo received.
async function store(agent, resolvedCredentialOffer, granted, { configuration, did, client: clientId }) {
  const { credentials: [{ record }] } = await agent.openid4vc.holder.requestCredentials({
    resolvedCredentialOffer, ...granted, clientId, credentialConfigurationIds: [configuration], credentialBindingResolver: () => bind(agent, did),
  });
  const api = record instanceof SdJwtVcRecord ? agent.sdJwtVc : record instanceof MdocRecord ? agent.mdoc : agent.w3cCredentials;
  await api.store({ record });
  return { tokenType: granted.accessTokenResponse.token_type };
}

// The library's wallets: keys, and what was issued to them.
const held = new Map();

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
  return { jwk: { kty, crv, x, y }, privateKey };
}

function compact(header, payload, key) {
  const text = `${segment(header)}.${segment(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

// callbacks are the cryptography that the library leaves to its users.
const callbacks = (keys = []) => ({
  hash: (data, alg) => createHash(alg.replace("-", "")).update(data).digest(),
  generateRandom: (n) => randomBytes(n),
  fetch,
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: (signer, { header, payload }) => {
    const jwk = signer.publicJwk ?? JSON.parse(Buffer.from(signer.didUrl.split(/[:#]/)[2], "base64url"));
    const { privateKey } = keys.find((k) => k.jwk.x === jwk.x);
    return { jwt: compact(header, payload, privateKey), signerJwk: jwk };
  },
  verifyJwt: async (signer, { compact: text }) => {
    if (signer.method !== "x5c") return { verified: false };
    const { publicKey } = new X509Certificate(Buffer.from(signer.x5c[0], "base64"));
    const [header, payload, signature] = text.split(".");
    const verified = verify("sha256", Buffer.from(`${header}.${payload}`), { key: publicKey, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
    return { verified, signerJwk: publicKey.export({ format: "jwk" }) };
  },
  getX509CertificateMetadata: (text) => {
    const names = (new X509Certificate(Buffer.from(text, "base64")).subjectAltName ?? "").split(", ");
    return { sanDnsNames: names.filter((n) => n.startsWith("DNS:")).map((n) => n.slice(4)), sanUriNames: [] };
  },
  encryptJwe: async ({ publicJwk: jwk, enc, alg }, text) => {
    const jwe = await new CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, enc, kid: jwk.kid }).encrypt(await importJWK(jwk, alg));
    return { jwe, encryptionJwk: jwk };
  },
  decryptJwe: () => { throw new Error("nothing is decrypted here"); },
});

const does = {
  async "credo.receive"({ wallet, trusted, link, txCode, ...wanted }) {
    const agent = await credo(wallet, trusted);
    const { holder } = agent.openid4vc;
    const resolvedCredentialOffer = await holder.resolveCredentialOffer(link);
    const granted = await holder.requestToken({ resolvedCredentialOffer, txCode });
    return store(agent, resolvedCredentialOffer, granted, wanted);
  },

  // credo.ask asks for what is offered by an authorization code, and returns where the
  // person's browser is to go.
  async "credo.ask"({ wallet, trusted, link, attester, ...wanted }) {
    const agent = await credo(wallet, trusted);
    const { holder } = agent.openid4vc;
    const resolvedCredentialOffer = await holder.resolveCredentialOffer(link);
    const { client: clientId, redirect: redirectUri, configuration } = wanted;
    const walletAttestationJwt = attester && await attest(agent, clientId, attester);
    const started = await holder.resolveOpenId4VciAuthorizationRequest(resolvedCredentialOffer, {
      clientId, redirectUri, walletAttestationJwt, scope: [resolvedCredentialOffer.offeredCredentialConfigurations[configuration].scope],
    });
    asked.set(wallet, { agent, resolvedCredentialOffer, walletAttestationJwt, started, wanted });
    return { url: started.authorizationRequestUrl };
  },

  // credo.fetch goes on with the address to which the browser came back.
  async "credo.fetch"({ wallet, callback }) {
    const { agent, resolvedCredentialOffer, walletAttestationJwt, started, wanted } = asked.get(wallet);
    const { holder } = agent.openid4vc;
    const { authorizationCode: code } = holder.parseAuthorizationCodeFromAuthorizationResponse({
      authorizationResponseRedirectUrl: callback, resolvedCredentialOffer,
    });
    const granted = await holder.requestToken({
      resolvedCredentialOffer, code, clientId: wanted.client, redirectUri: wanted.redirect,
      codeVerifier: started.codeVerifier, dpop: started.dpop, walletAttestationJwt,
    });
    return store(agent, resolvedCredentialOffer, { ...granted, walletAttestationJwt }, wanted);
  },

  // credo.present shows what is asked for, and nothing else that can be kept.
  async "credo.present"({ wallet, trusted, link }) {
    const { openid4vc: { holder } } = await credo(wallet, trusted);
    const resolved = await holder.resolveOpenId4VpAuthorizationRequest(link);
    const credentials = holder.selectCredentialsForDcqlRequest(resolved.dcql.queryResult);
    const done = await holder.acceptOpenId4VpAuthorizationRequest({
      authorizationRequestPayload: resolved.authorizationRequestPayload, dcql: { credentials },
    });
    return { status: done.serverResponse?.status, body: JSON.stringify(done.serverResponse?.body ?? null) };
  },

  // credo.question has a Credo ask for an element of an mdoc, under a certificate.
  async "credo.question"({ wallet, trusted, chain, key, type, element }) {
    let serves;
    if (!agents.has(wallet)) {
      const app = express();
      const server = app.listen(0, "127.0.0.1");
      await once(server, "listening");
      serves = { app, verifier: { baseUrl: `http://127.0.0.1:${server.address().port}/oid4vp` } };
    }
    const agent = await credo(wallet, trusted, serves);
    const { openid4vc: { verifier: api } } = agent;
    const { keyId } = await agent.kms.importKey({ privateJwk: { ...key, kid: randomBytes(8).toString("hex") } });
    const x5c = chain.map((c) => Certificate.fromEncodedCertificate(c));
    x5c[0].keyId = keyId;
    const { verifierId } = await api.createVerifier();
    const { authorizationRequest: link, verificationSession } = await api.createAuthorizationRequest({
      verifierId, requestSigner: { method: "x5c", x5c, clientIdPrefix: "x509_hash" }, responseMode: "direct_post",
      dcql: { query: { credentials: [{ id: "card", format: "mso_mdoc", meta: { doctype_value: type }, claims: [{ path: [type, element] }] }] } },
    });
    return { link, session: verificationSession.id };
  },

  // credo.judgement is what it makes of the answer.
  async "credo.judgement"({ wallet, trusted, session, type }) {
    const { openid4vc: { verifier: api } } = await credo(wallet, trusted);
    const { state, errorMessage } = await api.getVerificationSessionById(session);
    if (state !== "ResponseVerified") return { state, why: errorMessage };
    const { dcql } = await api.getVerifiedAuthorizationResponse(session);
    return { state, claims: dcql.presentations.card[0].documents[0].issuerSignedNamespaces[type] };
  },

  async "library.receive"({ wallet, link, configuration, txCode, did, dpop }) {
    const key = newKey();
    const bound = dpop ? newKey() : undefined;
    const client = new Openid4vciClient({ callbacks: callbacks([key, bound]) });
    const credentialOffer = await client.resolveCredentialOffer(link);
    const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
    const proven = (nonce) => bound && { nonce, signer: { method: "jwk", alg: "ES256", publicJwk: bound.jwk } };
    const granted = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode, dpop: proven() });
    const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
    const didUrl = `did:jwk:${segment(key.jwk)}#0`;
    const { jwt } = await client.createCredentialRequestJwtProof({
      issuerMetadata, credentialConfigurationId: configuration, nonce,
      signer: did ? { method: "did", didUrl, alg: "ES256" } : { method: "jwk", publicJwk: key.jwk, alg: "ES256" },
    });
    const got = await client.retrieveCredentials({
      issuerMetadata, accessToken: granted.accessTokenResponse.access_token, credentialConfigurationId: configuration,
      proofs: { jwt: [jwt] }, dpop: proven(granted.dpop?.nonce),
    });
    const [{ credential }] = got.credentialResponse.credentials;
    held.set(wallet, { key, credential });
    return { tokenType: granted.accessTokenResponse.token_type, credential };
  },

  // library.present shows an SD-JWT VC with the disclosures of the named claims, or a
  // VC-JWT whole.
  async "library.present"({ wallet, link, show }) {
    const { key, credential } = held.get(wallet);
    const client = new Openid4vpClient({ callbacks: callbacks() });
    const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link });
    const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
    const { nonce, client_metadata: about, dcql_query: query } = resolved.authorizationRequestPayload;
    const aud = resolved.client.effective;
    const iat = Math.floor(Date.now() / 1000);
    let presentation;
    if (credential.includes("~")) {
      const [token, ...disclosures] = credential.split("~").slice(0, -1);
      const shown = disclosures.filter((d) => show.includes(JSON.parse(Buffer.from(d, "base64url").toString())[1]));
      const bound = [token, ...shown, ""].join("~");
      presentation = bound + compact({ alg: "ES256", typ: "kb+jwt" }, { iat, aud, nonce, sd_hash: sha256(bound).toString("base64url") }, key.privateKey);
    } else {
      const iss = `did:jwk:${segment(key.jwk)}`;
      const vp = { "@context": ["https://www.w3.org/2018/credentials/v1"], type: ["VerifiablePresentation"], verifiableCredential: [credential] };
      presentation = compact({ alg: "ES256", typ: "JWT", kid: `${iss}#0` }, { iss, aud, nonce, iat, nbf: iat, exp: iat + 120, vp }, key.privateKey);
    }
    const made = await client.createOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: resolved.authorizationRequestPayload,
      authorizationResponsePayload: { vp_token: { [query.credentials[0].id]: [presentation] } },
      jarm: { encryption: { nonce: randomBytes(16).toString("base64url"), jwk: about.jwks.keys[0], alg: "ECDH-ES", enc: "A256GCM" }, serverMetadata: {
        authorization_signing_alg_values_supported: [], authorization_encryption_alg_values_supported: ["ECDH-ES"],
        authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"] } },
    });
    const { response } = await client.submitOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: resolved.authorizationRequestPayload, authorizationResponsePayload: made.authorizationResponsePayload, jarm: made.jarm,
    });
    return { status: response.status, body: await response.text() };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { job, ...given } = JSON.parse(line);
  let result;
  try {
    result = { ok: true, ...(await does[job](given)) };
  } catch (e) {
    result = { ok: false, error: `${e?.stack}: ${e?.cause?.stack} ${JSON.stringify(e?.response ?? null)}` };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit(0);
