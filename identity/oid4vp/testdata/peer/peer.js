// Wallets and a verifier that are not ours: Credo, and the library beneath it by
// itself. Does the jobs that it reads as a JSON array, and answers with an array of
// results.
import { createHash, createPrivateKey, randomBytes, sign, verify, X509Certificate } from "node:crypto";
import { setGlobalConfig } from "@openid4vc/oauth2";
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

// callbacks are the cryptography that the library leaves to its users.
const callbacks = {
  hash: (data, alg) => createHash(alg.replace("-", "")).update(data).digest(),
  generateRandom: (n) => randomBytes(n),
  fetch,
  signJwt: () => { throw new Error("nothing is signed here"); },
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
};

const does = {
  // resolve reads a request of ours and says what it makes of it.
  async resolve({ link }) {
    const client = new Openid4vpClient({ callbacks });
    const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link });
    const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
    return { prefix: resolved.client.prefix, clientId: resolved.client.effective, mode: resolved.authorizationRequestPayload.response_mode };
  },

  // answer answers it with the disclosures whose names are to be shown.
  async answer({ link, credential, holder, show, enc, at }) {
    const client = new Openid4vpClient({ callbacks });
    const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link });
    const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
    const { nonce, response_mode: mode, client_metadata: about, dcql_query: query } = resolved.authorizationRequestPayload;
    const [token, ...disclosures] = credential.split("~").slice(0, -1);
    const shown = disclosures.filter((d) => show.includes(JSON.parse(Buffer.from(d, "base64url").toString())[1]));
    const bound = [token, ...shown, ""].join("~");
    const payload = { iat: at, aud: resolved.client.effective, nonce, sd_hash: sha256(bound).toString("base64url") };
    const presentation = bound + compact({ alg: "ES256", typ: "kb+jwt" }, payload, holder);
    const made = await client.createOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: resolved.authorizationRequestPayload,
      authorizationResponsePayload: { vp_token: { [query.credentials[0].id]: [presentation] } },
      ...(mode === "direct_post.jwt"
        ? { jarm: { encryption: { nonce: randomBytes(16).toString("base64url"), jwk: about.jwks.keys[0], alg: "ECDH-ES", enc }, serverMetadata: {
            authorization_signing_alg_values_supported: [], authorization_encryption_alg_values_supported: ["ECDH-ES"],
            authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"] } } }
        : {}),
    });
    const sent = await client.submitOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: resolved.authorizationRequestPayload,
      authorizationResponsePayload: made.authorizationResponsePayload, jarm: made.jarm,
    });
    return { status: sent.response.status, body: await sent.response.text() };
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
      const { holder: api } = agent.openid4vc;
      const resolved = await api.resolveOpenId4VpAuthorizationRequest(link);
      const credentials = api.selectCredentialsForDcqlRequest(resolved.dcql.queryResult);
      const done = await api.acceptOpenId4VpAuthorizationRequest({
        authorizationRequestPayload: resolved.authorizationRequestPayload, dcql: { credentials },
      });
      return { prefix: resolved.verifier.clientIdPrefix, status: done.serverResponse?.status, body: JSON.stringify(done.serverResponse?.body ?? null), back: done.redirectUri };
    } finally {
      await agent.shutdown();
    }
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
      return Array.isArray(value) ? value.every((v) => tag?.includes(v)) : tag === value;
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

let text = "";
for await (const chunk of process.stdin) text += chunk;
const results = [];
for (const { job, ...given } of JSON.parse(text)) {
  try {
    results.push({ ok: true, ...(await does[job](given)) });
  } catch (e) {
    results.push({ ok: false, error: String(e?.message ?? e), detail: String(e?.stack ?? "") + JSON.stringify(e?.cause ?? {}) });
  }
}
process.stdout.write(JSON.stringify(results));
