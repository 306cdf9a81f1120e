// Wallets and a verifier that are not ours: Credo, and the libraries beneath it by
// themselves, with keys of Node's. Does the jobs that it reads as a JSON array, and
// answers with an array of results; with the argument "lines" it goes on, and reads a
// job a line and answers each with a line.
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, verify, X509Certificate } from "node:crypto";
import { createInterface } from "node:readline";
import { clientAuthenticationAnonymous, setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vciClient } from "@openid4vc/openid4vci";
import { Openid4vpClient, Openid4vpVerifier } from "@openid4vc/openid4vp";
import { CompactEncrypt, compactDecrypt, importJWK } from "jose";

setGlobalConfig({ allowInsecureUrls: true });

const segment = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const sha256 = (data) => createHash("sha256").update(data).digest();

// compact signs a JWS with a private JWK on P-256.
function compact(header, payload, jwk) {
  const text = `${segment(header)}.${segment(payload)}`;
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

function checked(text, key) {
  const [header, payload, signature] = text.split(".");
  return verify("sha256", Buffer.from(`${header}.${payload}`), { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
}

// callbacks are the cryptography that the library leaves to its users, who sign with
// these keys.
const callbacksOf = (keys) => ({
  hash: (data, alg) => createHash(alg.replace("-", "")).update(data).digest(),
  generateRandom: (n) => randomBytes(n),
  fetch,
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: (signer, { header, payload }) => {
    const jwk = signer.publicJwk ?? JSON.parse(Buffer.from(signer.didUrl.split(/[:#]/)[2], "base64url"));
    const { secret } = keys.find((k) => k.jwk.x === jwk.x);
    return { jwt: compact(header, payload, secret), signerJwk: jwk };
  },
  verifyJwt: async (signer, { compact: text }) => {
    if (signer.method !== "x5c") return { verified: false };
    const { publicKey } = new X509Certificate(Buffer.from(signer.x5c[0], "base64"));
    return { verified: checked(text, publicKey), signerJwk: publicKey.export({ format: "jwk" }) };
  },
  getX509CertificateMetadata: (text) => {
    const names = (new X509Certificate(Buffer.from(text, "base64")).subjectAltName ?? "").split(", ");
    return { sanDnsNames: names.filter((n) => n.startsWith("DNS:")).map((n) => n.slice(4)), sanUriNames: [] };
  },
  encryptJwe: async (encryptor, text) => {
    const { publicJwk: jwk, enc, alg } = encryptor;
    const jwe = await new CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, enc, kid: jwk.kid }).encrypt(await importJWK(jwk, alg));
    return { jwe, encryptionJwk: jwk };
  },
  decryptJwe: async (jwe, { jwk }) => {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, await importJWK(jwk, "ECDH-ES"));
    return { decrypted: true, payload: new TextDecoder().decode(plaintext), decryptionJwk: jwk, header: protectedHeader };
  },
});
const callbacks = callbacksOf([]);

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
  return { jwk: { kty, crv, x, y }, secret: privateKey.export({ format: "jwk" }) };
}

// shown is an SD-JWT VC with the disclosures of the named claims and its holder's proof.
function shown(credential, show, { iat, aud, nonce }, secret) {
  const [token, ...disclosures] = credential.split("~").slice(0, -1);
  const named = disclosures.filter((d) => show.includes(JSON.parse(Buffer.from(d, "base64url").toString())[1]));
  const bound = [token, ...named, ""].join("~");
  return bound + compact({ alg: "ES256", typ: "kb+jwt" }, { iat, aud, nonce, sd_hash: sha256(bound).toString("base64url") }, secret);
}

// answered posts a presentation to who asks, encrypted when that is asked for.
async function answered(client, resolved, presentation, enc) {
  const { authorizationRequestPayload } = resolved;
  const { response_mode: mode, client_metadata: about, dcql_query: query } = authorizationRequestPayload;
  const { authorizationResponsePayload, jarm } = await client.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload,
    authorizationResponsePayload: { vp_token: { [query.credentials[0].id]: [presentation] } },
    ...(mode === "direct_post.jwt"
      ? { jarm: { encryption: { nonce: randomBytes(16).toString("base64url"), jwk: about.jwks.keys[0], alg: "ECDH-ES", enc }, serverMetadata: {
          authorization_signing_alg_values_supported: [], authorization_encryption_alg_values_supported: ["ECDH-ES"],
          authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"] } } }
      : {}),
  });
  const { response } = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload, authorizationResponsePayload, jarm });
  return { status: response.status, body: await response.text() };
}

async function asked(client, link) {
  const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link });
  return client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
}

// accept has Credo answer with what is asked for, and nothing else that can be kept.
async function accept({ openid4vc: { holder } }, link) {
  const resolved = await holder.resolveOpenId4VpAuthorizationRequest(link);
  const credentials = holder.selectCredentialsForDcqlRequest(resolved.dcql.queryResult);
  const done = await holder.acceptOpenId4VpAuthorizationRequest({
    authorizationRequestPayload: resolved.authorizationRequestPayload, dcql: { credentials },
  });
  return {
    prefix: resolved.verifier.clientIdPrefix, status: done.serverResponse?.status, body: JSON.stringify(done.serverResponse?.body ?? null), back: done.redirectUri,
  };
}

// What goes on while the program does: Credos, and what the libraries' wallets hold.
const agents = new Map();
const held = new Map();

// going is the Credo of a name, which trusts the given certificates.
async function going(name, trusted) {
  const credo = await load();
  if (!agents.has(name)) agents.set(name, await wallet(credo, trusted));
  const agent = agents.get(name);
  agent.x509.config.setTrustedCertificates(trusted);
  return { credo, agent };
}

async function bind({ Kms }, agent, byDID) {
  const type = { kty: "EC", crv: "P-256" };
  if (byDID) {
    const { didState } = await agent.dids.create({ method: "jwk", options: { createKey: { type } } });
    return { method: "did", didUrls: [`${didState.did}#0`] };
  }
  const key = await agent.kms.createKey({ type });
  return { method: "jwk", keys: [Kms.PublicJwk.fromPublicJwk(key.publicJwk)] };
}

const does = {
  // resolve reads a request of ours and says what it makes of it.
  async resolve({ link }) {
    const resolved = await asked(new Openid4vpClient({ callbacks }), link);
    return { prefix: resolved.client.prefix, clientId: resolved.client.effective, mode: resolved.authorizationRequestPayload.response_mode };
  },

  // answer answers it with the disclosures whose names are to be shown.
  async answer({ link, credential, holder, show, enc, at }) {
    const client = new Openid4vpClient({ callbacks });
    const resolved = await asked(client, link);
    const { nonce } = resolved.authorizationRequestPayload;
    return answered(client, resolved, shown(credential, show, { iat: at, aud: resolved.client.effective, nonce }, holder), enc);
  },

  // ask makes a request of its own, signed under a certificate.
  async ask({ clientId, requestUri, responseUri, query, nonce, state, secret, x5c, encryption }) {
    const verifier = new Openid4vpVerifier({
      callbacks: { ...callbacks, signJwt: (signer, { header, payload }) => ({ jwt: compact(header, payload, secret), signerJwk: secret }) },
    });
    const made = await verifier.createOpenId4vpAuthorizationRequest({
      jar: { jwtSigner: { method: "x5c", x5c, alg: "ES256" }, requestUri, expiresInSeconds: 300 },
      authorizationRequestPayload: {
        response_type: "vp_token", response_mode: encryption ? "direct_post.jwt" : "direct_post", client_id: clientId, response_uri: responseUri,
        nonce, state, dcql_query: query,
        client_metadata: {
          ...(encryption ? { jwks: { keys: [encryption] }, encrypted_response_enc_values_supported: ["A128GCM"] } : {}),
          vp_formats_supported: { "dc+sd-jwt": { "sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"] } },
        },
      },
    });
    return { link: made.authorizationRequest, object: made.jar.authorizationRequestJwt, request: made.authorizationRequestPayload };
  },

  // open opens what we answered to it.
  async open({ request, response, secret }) {
    const verifier = new Openid4vpVerifier({ callbacks: { ...callbacks, decryptJwe: (jwe) => callbacks.decryptJwe(jwe, { jwk: secret }) } });
    const parsed = await verifier.parseOpenid4vpAuthorizationResponse({
      authorizationResponse: response, authorizationRequestPayload: request, callbacks: { ...callbacks, decryptJwe: (jwe) => callbacks.decryptJwe(jwe, { jwk: secret }) },
    });
    return { token: parsed.dcql.presentations, type: parsed.type };
  },

  // credo has a whole wallet hold the credential and answer.
  async credo({ link, credential, holder, trusted }) {
    const credo = await load();
    const agent = await wallet(credo, trusted);
    try {
      const { keyId } = await agent.kms.importKey({ privateJwk: { ...holder, kid: "holder" } });
      const record = new credo.SdJwtVcRecord({ credentialInstances: [{ compactSdJwtVc: credential, kmsKeyId: keyId }] });
      await agent.sdJwtVc.store({ record });
      return await accept(agent, link);
    } finally {
      await agent.shutdown();
    }
  },

  // The rest are of wallets that go on, by their names.
  async "credo.receive"({ wallet: name, trusted, link, configuration, txCode, did }) {
    const { credo, agent } = await going(name, trusted);
    const { holder } = agent.openid4vc;
    const resolvedCredentialOffer = await holder.resolveCredentialOffer(link);
    const granted = await holder.requestToken({ resolvedCredentialOffer, txCode });
    const { credentials: [{ record }] } = await holder.requestCredentials({
      resolvedCredentialOffer, ...granted, credentialConfigurationIds: [configuration], credentialBindingResolver: () => bind(credo, agent, did),
    });
    const api = record instanceof credo.SdJwtVcRecord ? agent.sdJwtVc : record instanceof credo.MdocRecord ? agent.mdoc : agent.w3cCredentials;
    await api.store({ record });
    return { tokenType: granted.accessTokenResponse.token_type };
  },

  async "credo.present"({ wallet: name, trusted, link }) {
    const { agent } = await going(name, trusted);
    return accept(agent, link);
  },

  async "library.receive"({ wallet: name, link, configuration, txCode, did, dpop }) {
    const key = newKey();
    const bound = dpop ? newKey() : undefined;
    const client = new Openid4vciClient({ callbacks: callbacksOf([key, bound]) });
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
    held.set(name, { key, credential });
    return { tokenType: granted.accessTokenResponse.token_type, credential };
  },

  // library.present shows an SD-JWT VC with the disclosures of the named claims, or a
  // VC-JWT whole.
  async "library.present"({ wallet: name, link, show }) {
    const { key, credential } = held.get(name);
    const client = new Openid4vpClient({ callbacks });
    const resolved = await asked(client, link);
    const { nonce } = resolved.authorizationRequestPayload;
    const aud = resolved.client.effective;
    const iat = Math.floor(Date.now() / 1000);
    let presentation;
    if (credential.includes("~")) {
      presentation = shown(credential, show, { iat, aud, nonce }, key.secret);
    } else {
      const iss = `did:jwk:${segment(key.jwk)}`;
      const vp = { "@context": ["https://www.w3.org/2018/credentials/v1"], type: ["VerifiablePresentation"], verifiableCredential: [credential] };
      presentation = compact({ alg: "ES256", typ: "JWT", kid: `${iss}#0` }, { iss, aud, nonce, iat, nbf: iat, exp: iat + 120, vp }, key.secret);
    }
    return answered(client, resolved, presentation, "A256GCM");
  },
};

// load loads Credo, which takes seconds, for the jobs that need it.
async function load() {
  await import("reflect-metadata");
  const parts = await Promise.all(["@credo-ts/core", "@credo-ts/node", "@credo-ts/openid4vc"].map((name) => import(name)));
  return Object.assign({}, ...parts);
}

// Memory keeps a wallet's records while it runs.
class Memory {
  supportsCursorPagination = false;
  records = new Map();
  constructor(credo) { this.credo = credo; }
  async save(_, record) { this.records.set(record.id, record); }
  async update(_, record) { this.records.set(record.id, record); }
  async delete(_, record) { this.records.delete(record.id); }
  async deleteById(_, kind, id) { this.records.delete(id); }
  async getById(_, kind, id) {
    const record = this.records.get(id);
    if (!record) throw new this.credo.RecordNotFoundError("no such record", { recordType: kind.type });
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

async function wallet(credo, trusted) {
  const { Agent, ConsoleLogger, InjectionSymbols, Kms, LogLevel, StorageVersionRecord } = credo;
  const memory = new Memory(credo);
  await memory.save(undefined, new StorageVersionRecord({ storageVersion: StorageVersionRecord.frameworkStorageVersion }));
  const agent = new Agent({
    config: { allowInsecureHttpUrls: true, logger: new ConsoleLogger(LogLevel.off) },
    dependencies: credo.agentDependencies,
    modules: {
      storage: { register: (manager) => manager.registerInstance(InjectionSymbols.StorageService, memory) },
      kms: new Kms.KeyManagementModule({ backends: [new credo.NodeKeyManagementService(new credo.NodeInMemoryKeyManagementStorage())] }),
      openid4vc: new credo.OpenId4VcModule(),
    },
  });
  await agent.initialize();
  agent.x509.config.setTrustedCertificates(trusted);
  return agent;
}

async function perform({ job, ...given }) {
  try {
    return { ok: true, ...(await does[job](given)) };
  } catch (e) {
    return { ok: false, error: String(e?.message ?? e), detail: `${e?.stack} ${e?.cause?.stack} ${JSON.stringify(e?.response ?? null)}` };
  }
}

if (process.argv[2] === "lines") {
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await perform(JSON.parse(line)))}\n`);
  process.exit(0);
}
let text = "";
for await (const chunk of process.stdin) text += chunk;
const results = [];
for (const job of JSON.parse(text)) results.push(await perform(job));
process.stdout.write(JSON.stringify(results));
