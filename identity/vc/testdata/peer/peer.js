// Issuers, holders and verifiers that are not ours: does the jobs that it reads as a
// JSON array, and answers with an array of results.
import { webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { Resolver } from "did-resolver";
import { EdDSASigner, ES256Signer } from "did-jwt";
import {
  createVerifiableCredentialJwt, createVerifiablePresentationJwt, verifyCredential, verifyPresentation,
} from "did-jwt-vc";
import { getResolver } from "key-did-resolver";
import * as vc from "@digitalbazaar/vc";
import { contexts as credentialContexts } from "@digitalbazaar/credentials-context";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import * as Ed25519Multikey from "@digitalbazaar/ed25519-multikey";
import { Ed25519Signature2020, suiteContext } from "@digitalbazaar/ed25519-signature-2020";
import { Ed25519VerificationKey2020 } from "@digitalbazaar/ed25519-verification-key-2020";
import { cryptosuite } from "@digitalbazaar/eddsa-rdfc-2022-cryptosuite";
import * as EcdsaMultikey from "@digitalbazaar/ecdsa-multikey";
import { cryptosuite as ecdsa } from "@digitalbazaar/ecdsa-rdfc-2019-cryptosuite";
import bls from "@mattrglobal/bls12381-key-pair";
import bbs from "@mattrglobal/jsonld-signatures-bbs";

const require = createRequire(import.meta.url);
// The signature library of the time of BBS+ 2020, which the suite brings.
const signatures = require(require.resolve("jsonld-signatures", { paths: [require.resolve("@mattrglobal/jsonld-signatures-bbs")] }));

const resolver = new Resolver(getResolver());

// loader knows the contexts that the job brings, the libraries' own, and did:key.
const loaderOf = (contexts, more = {}) => async (url) => {
  const own = credentialContexts.get(url) ?? (url === suiteContext.CONTEXT_URL ? suiteContext.CONTEXT : undefined);
  const document = more[url] ?? own ?? contexts?.[url] ?? documentOf(url);
  if (!document) throw new Error(`unknown: ${url}`);
  return { contextUrl: null, documentUrl: url, document: structuredClone(document) };
};

function documentOf(url) {
  const [did, fragment] = url.split("#");
  const publicKeyMultibase = /^did:key:z(6Mk|Dn)/.test(did) ? did.slice("did:key:".length) : undefined;
  if (!publicKeyMultibase) return undefined;
  const id = `${did}#${publicKeyMultibase}`;
  if (publicKeyMultibase.startsWith("zDn")) {
    const context = "https://w3id.org/security/multikey/v1";
    const key = { "@context": context, id, type: "Multikey", controller: did, publicKeyMultibase };
    if (fragment) return key;
    return { "@context": ["https://www.w3.org/ns/did/v1", context], id: did, verificationMethod: [key], assertionMethod: [id], authentication: [id] };
  }
  const key = { id, type: "Ed25519VerificationKey2020", controller: did, publicKeyMultibase };
  if (fragment) return { "@context": suiteContext.CONTEXT_URL, ...key };
  return {
    "@context": ["https://www.w3.org/ns/did/v1", suiteContext.CONTEXT_URL],
    id: did, verificationMethod: [key], assertionMethod: [id], authentication: [id],
  };
}

// newPair is a key as did:key, for the linked-data suites.
async function newPair(type) {
  const pair = type === "P-256" ? await EcdsaMultikey.generate({ curve: "P-256" }) : type === "Multikey" ? await Ed25519Multikey.generate() : await Ed25519VerificationKey2020.generate();
  const multibase = pair.publicKeyMultibase;
  pair.controller = `did:key:${multibase}`;
  pair.id = `${pair.controller}#${multibase}`;
  return pair;
}

const said = (result) => {
  if (!result.verified) {
    const errors = [result.error, ...(result.error?.errors ?? [])].map((e) => e?.message ?? String(e));
    throw new Error(errors.join("; "));
  }
  return {};
};

const integrity = (signer, date) => new DataIntegrityProof({ signer, date, cryptosuite });
const linked = (key, date) => new Ed25519Signature2020({ key, date });

// suites make and check a linked-data proof.
const suites = {
  integrity: { type: "Multikey", sign: (pair, date) => integrity(pair.signer(), date), check: () => integrity() },
  ecdsa: {
    type: "P-256", sign: (pair, date) => new DataIntegrityProof({ signer: pair.signer(), date, cryptosuite: ecdsa }),
    check: () => new DataIntegrityProof({ cryptosuite: ecdsa }),
  },
  linked: { type: "2020", sign: linked, check: () => new Ed25519Signature2020() },
};

async function secretOf(alg) {
  const algorithm = alg === "ES256" ? { name: "ECDSA", namedCurve: "P-256" } : { name: "Ed25519" };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { kty, crv, x, y, d } = await webcrypto.subtle.exportKey("jwk", pair.privateKey);
  const secret = Buffer.from(d, "base64url");
  const signer = alg === "ES256"
    ? ES256Signer(secret)
    : EdDSASigner(Buffer.concat([secret, Buffer.from(x, "base64url")]));
  return { signer, jwk: y === undefined ? { kty, crv, x } : { kty, crv, x, y } };
}

const does = {
  async "jwt.verify"({ token, at }) {
    await verifyCredential(token, resolver, { policies: { now: at } });
    return {};
  },
  async "jwt.verifyPresentation"({ token, nonce, audience, at }) {
    await verifyPresentation(token, resolver, { challenge: nonce, domain: audience, policies: { now: at } });
    return {};
  },
  // jwt.issue makes a credential and presents it; both are by keys of its own.
  async "jwt.issue"({ alg, issuer, holder, credential, nonce, audience, at }) {
    const by = await secretOf(alg);
    const to = await secretOf(alg);
    const sign = ({ signer }, did) => ({ did, signer, alg });
    const token = await createVerifiableCredentialJwt(
      { ...credential, issuer: { id: issuer } }, sign(by, issuer), { header: { kid: `${issuer}#key-1` } });
    const presentation = await createVerifiablePresentationJwt(
      { vp: { "@context": ["https://www.w3.org/2018/credentials/v1"], type: ["VerifiablePresentation"], verifiableCredential: [token] }, nbf: at },
      sign(to, holder), { challenge: nonce, domain: audience, header: { kid: `${holder}#key-1` } });
    return { document: token, presentation, issuer: by.jwk, holder: to.jwk };
  },

  // context returns a context that the libraries bring.
  async context({ url }) {
    return { document: credentialContexts.get(url) };
  },

  async "ld.verify"({ suite, document, contexts, at }) {
    return said(await vc.verifyCredential({
      credential: document, suite: suites[suite].check(), documentLoader: loaderOf(contexts), now: new Date(at * 1000),
      checkStatus: async () => ({ verified: true }), // the lists are other tests'
    }));
  },
  async "ld.verifyPresentation"({ suite, document, contexts, nonce, audience, at }) {
    return said(await vc.verify({
      presentation: document, challenge: nonce, domain: audience, suite: suites[suite].check(),
      documentLoader: loaderOf(contexts), now: new Date(at * 1000),
    }));
  },
  async "ld.issue"({ suite, document, contexts, nonce, audience, at }) {
    const date = new Date(at * 1000).toISOString().replace(".000", "");
    const issuer = await newPair(suites[suite].type);
    const holder = await newPair(suites[suite].type);
    const credential = { ...document, issuer: issuer.controller };
    credential.credentialSubject = { ...credential.credentialSubject, id: holder.controller };
    const documentLoader = loaderOf(contexts);
    const issued = await vc.issue({ credential, suite: suites[suite].sign(issuer, date), documentLoader, now: new Date(at * 1000) });
    const presentation = await vc.signPresentation({
      presentation: vc.createPresentation({
        verifiableCredential: structuredClone(issued), holder: holder.controller, now: new Date(at * 1000),
        version: suite === "linked" ? 1.0 : 2.0,
      }),
      suite: suites[suite].sign(holder, date), challenge: nonce, domain: audience, documentLoader,
    });
    return { document: issued, presentation };
  },

  async "bbs.verify"({ document, contexts, key }) {
    return said(await signatures.verify(structuredClone(document), {
      suite: document.proof.type === "BbsBlsSignature2020" ? new bbs.BbsBlsSignature2020() : new bbs.BbsBlsSignatureProof2020(),
      purpose: new signatures.purposes.AssertionProofPurpose(), documentLoader: loaderOf(contexts, keysOf(key)),
    }));
  },
  async "bbs.issue"({ document, contexts, frame, nonce, keyID, controller, at }) {
    const pair = await bls.Bls12381G2KeyPair.generate({ id: keyID, controller });
    const key = { id: keyID, controller, publicKeyBase58: pair.publicKey };
    const documentLoader = loaderOf(contexts, keysOf(key));
    const issued = await signatures.sign(structuredClone(document), {
      suite: new bbs.BbsBlsSignature2020({ key: pair, date: new Date(at * 1000) }),
      purpose: new signatures.purposes.AssertionProofPurpose(), documentLoader,
    });
    const part = await bbs.deriveProof(structuredClone(issued), frame, {
      suite: new bbs.BbsBlsSignatureProof2020(), documentLoader, nonce: Buffer.from(nonce, "base64"),
    });
    return { document: issued, part, key: Buffer.from(pair.publicKeyBuffer).toString("base64") };
  },
};

// keysOf is what a loader knows of a BBS+ key and whose it is.
function keysOf({ id, controller, publicKeyBase58 }) {
  const key = { "@context": "https://w3id.org/security/v2", id, type: "Bls12381G2Key2020", controller, publicKeyBase58 };
  return { [id]: key, [controller]: { "@context": "https://w3id.org/security/v2", id: controller, assertionMethod: [id] } };
}

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
