// A wallet and a verifier that are not ours: does the jobs that it reads as a
// JSON array, and answers with an array of results.
import { createHash, randomBytes, webcrypto } from "node:crypto";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";

const { subtle } = webcrypto;

const algorithms = {
  EdDSA: { key: { name: "Ed25519" }, sign: { name: "Ed25519" } },
  ES256: { key: { name: "ECDSA", namedCurve: "P-256" }, sign: { name: "ECDSA", hash: "SHA-256" } },
};

const algorithmOf = (jwk) => (jwk.crv === "P-256" ? "ES256" : "EdDSA");

async function signerOf(jwk) {
  const a = algorithms[algorithmOf(jwk)];
  const key = await subtle.importKey("jwk", jwk, a.key, false, ["sign"]);
  return async (data) => Buffer.from(await subtle.sign(a.sign, key, Buffer.from(data))).toString("base64url");
}

async function verifierOf(jwk) {
  const a = algorithms[algorithmOf(jwk)];
  const key = await subtle.importKey("jwk", jwk, a.key, false, ["verify"]);
  return async (data, signature) => subtle.verify(a.sign, key, Buffer.from(signature, "base64url"), Buffer.from(data));
}

const common = {
  hasher: (data, alg) => createHash(alg.replace("-", "")).update(typeof data === "string" ? data : Buffer.from(data)).digest(),
  hashAlg: "sha-256",
  saltGenerator: (length) => randomBytes(length).toString("base64url"),
};

async function newKey(alg) {
  const pair = await subtle.generateKey(algorithms[alg].key, true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await subtle.exportKey("jwk", pair.privateKey);
  const open = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
  return { open, secret: { ...open, d } };
}

const does = {
  // verify judges a presentation that we made.
  async verify({ presentation, issuer, nonce, at }) {
    const sdjwt = new SDJwtVcInstance({
      ...common,
      verifier: await verifierOf(issuer),
      kbVerifier: async (data, signature, payload) => (await verifierOf(payload.cnf.jwk))(data, signature),
    });
    const { payload, kb } = await sdjwt.verify(presentation, { keyBindingNonce: nonce, currentDate: at });
    return { claims: payload, audience: kb.payload.aud };
  },

  // present answers with a credential that we issued.
  async present({ credential, holder, show, nonce, audience, at }) {
    const sdjwt = new SDJwtVcInstance({ ...common, kbSigner: await signerOf(holder), kbSignAlg: algorithmOf(holder) });
    const presentation = await sdjwt.present(credential, show, { kb: { payload: { iat: at, aud: audience, nonce } } });
    return { presentation };
  },

  // issue makes a credential of its own, with all that may be hidden, and presents it.
  async issue({ issuerAlg, holderAlg, claims, hide, show, nonce, audience, at }) {
    const issuer = await newKey(issuerAlg);
    const holder = await newKey(holderAlg);
    const sdjwt = new SDJwtVcInstance({
      ...common,
      signer: await signerOf(issuer.secret), signAlg: issuerAlg,
      kbSigner: await signerOf(holder.secret), kbSignAlg: holderAlg,
    });
    const credential = await sdjwt.issue({ ...claims, cnf: { jwk: holder.open } }, hide, { header: { kid: "key-1" } });
    const presentation = await sdjwt.present(credential, show, { kb: { payload: { iat: at, aud: audience, nonce } } });
    return { presentation, issuer: issuer.open };
  },
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const results = [];
for (const { job, ...given } of JSON.parse(text)) {
  try {
    results.push({ ok: true, ...(await does[job](given)) });
  } catch (e) {
    results.push({ ok: false, error: String(e?.message ?? e) });
  }
}
process.stdout.write(JSON.stringify(results));
