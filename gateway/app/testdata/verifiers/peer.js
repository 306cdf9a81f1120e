// Verifiers that are not ours: of an SD-JWT VC, a VC-JWT, a credential with a Data
// Integrity proof, and an mdoc that is shown. They know the servers' root and, of mdocs,
// the issuer's, and nothing else: keys come from the issuer's did:web, statuses from the
// lists that the credentials name. Reads a job a line, and answers each with a line.
import { createHash, createPublicKey, randomBytes, verify, webcrypto, X509Certificate } from "node:crypto";
import { createInterface } from "node:readline";
import { contexts as credentialContexts } from "@digitalbazaar/credentials-context";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import { cryptosuite } from "@digitalbazaar/eddsa-rdfc-2022-cryptosuite";
import * as vc from "@digitalbazaar/vc";
import { checkStatus, decodeList } from "@digitalbazaar/vc-bitstring-status-list";
import {
  cborDecode, CoseKey, DeviceRequest, DeviceResponse, DocRequest, ItemsRequest, SessionTranscript, Verifier,
} from "@owf/mdoc";
import { getListFromStatusListJWT } from "@sd-jwt/jwt-status-list";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { verifyCredential } from "did-jwt-vc";
import { Resolver } from "did-resolver";
import { getResolver } from "web-did-resolver";

const resolver = new Resolver(getResolver());
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function get(url) {
  const res = await fetch(url);
  if (!res.ok) throw new Error(`${url}: ${res.status}`);
  return res;
}

async function documentOf(did) {
  const { didDocument, didResolutionMetadata } = await resolver.resolve(did);
  if (!didDocument) throw new Error(didResolutionMetadata.error);
  return didDocument;
}

const header = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
const payload = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

// verifierOf verifies by the key that a token names, of a document that its issuer
// publishes.
const verifierOf = (token) => async (data, signature) => {
  const { kid } = header(token);
  const method = (await documentOf(kid.split("#")[0])).verificationMethod.find((m) => m.id === kid);
  const key = await webcrypto.subtle.importKey("jwk", method.publicKeyJwk, ES256, false, ["verify"]);
  return webcrypto.subtle.verify(ES256, key, Buffer.from(signature, "base64url"), Buffer.from(data));
};

async function loader(contexts, url) {
  let document = contexts[url] ?? credentialContexts.get(url);
  if (!document && url.startsWith("did:web:")) {
    const whole = await documentOf(url.split("#")[0]);
    document = whole;
    if (url.includes("#")) {
      const { publicKeyJwk, ...method } = whole.verificationMethod.find((m) => m.id === url);
      const key = Buffer.concat([Buffer.from([0xed, 0x01]), Buffer.from(publicKeyJwk.x, "base64url")]);
      document = { "@context": "https://w3id.org/security/multikey/v1", ...method, type: "Multikey", publicKeyMultibase: `z${base58(key)}` };
    }
  }
  if (!document && url.startsWith("https://localhost")) document = await (await get(url)).json();
  if (!document) throw new Error(`unknown: ${url}`);
  return { contextUrl: null, documentUrl: url, document: structuredClone(document) };
}

function base58(bytes) {
  const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  let n = BigInt(`0x${bytes.toString("hex")}`);
  let out = "";
  for (; n > 0n; n /= 58n) out = letters[Number(n % 58n)] + out;
  return out;
}

// statusAt refuses what the token status list at a place does not call valid.
async function statusAt(place) {
  const token = await (await get(place.uri)).text();
  const [text, signature] = [token.slice(0, token.lastIndexOf(".")), token.slice(token.lastIndexOf(".") + 1)];
  if (!(await verifierOf(token)(text, signature))) throw new Error("the status list is not the issuer's");
  if (payload(token).sub !== place.uri) throw new Error("the status list is another");
  if (getListFromStatusListJWT(token).getStatus(place.idx) !== 0) throw new Error("revoked or suspended");
}

// What the verifier of mdocs leaves to its user.
const platform = {
  crypto: {
    random: (n) => new Uint8Array(randomBytes(n)),
    digest: ({ digestAlgorithm, bytes }) => new Uint8Array(createHash(digestAlgorithm.replace("-", "")).update(bytes).digest()),
  },
  cose: {
    sign1: {
      verify: ({ key, sign1 }) => {
        const { kty, crv, x, y } = key.jwk;
        return verify("sha256", sign1.toBeSigned, { key: createPublicKey({ key: { kty, crv, x, y }, format: "jwk" }), dsaEncoding: "ieee-p1363" }, sign1.signature);
      },
    },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) =>
      new X509Certificate(certificate).issuer.split("\n").map((line) => line.split("=")).filter(([name]) => name === field).map(([, value]) => value),
    getPublicKey: ({ certificate }) => CoseKey.fromJwk(new X509Certificate(certificate).publicKey.export({ format: "jwk" })),
    getCertificateData: ({ certificate }) => {
      const c = new X509Certificate(certificate);
      return { notBefore: new Date(c.validFrom), notAfter: new Date(c.validTo) };
    },
    verifyCertificateChain: ({ trustedCertificates, x5chain, now }) => {
      const chain = [...x5chain, ...trustedCertificates].map((c) => new X509Certificate(c));
      chain.forEach((c, i) => {
        const by = chain[Math.min(i + 1, chain.length - 1)];
        if (!c.checkIssued(by) || !c.verify(by.publicKey)) throw new Error("no chain to the root");
        if (now < new Date(c.validFrom) || now > new Date(c.validTo)) throw new Error("a certificate is not valid now");
      });
    },
  },
};

const member = (v, name) => (v instanceof Map ? v.get(name) : v[name]);

const does = {
  // mso_mdoc judges what a holder shows for a session, over OpenID4VP.
  async mso_mdoc({ credential, session, type, root }) {
    const deviceResponse = new Uint8Array(Buffer.from(credential, "base64url"));
    const deviceRequest = DeviceRequest.create({ docRequests: [DocRequest.create({
      itemsRequest: ItemsRequest.create({ docType: type, namespaces: { [type]: { licence_number: false } } }),
    })] });
    await Verifier.verifyDeviceResponse({
      deviceRequest, deviceResponse, sessionTranscript: await SessionTranscript.forOid4Vp(session, platform),
      trustedCertificates: [new Uint8Array(Buffer.from(root, "base64"))], now: new Date(),
    }, platform);
    const [document] = DeviceResponse.decode(deviceResponse).documents;
    let object = cborDecode(document.issuerSigned.issuerAuth.payload);
    object = object.data ?? object; // it is one CBOR within another
    const place = member(member(object, "status"), "status_list");
    await statusAt({ uri: member(place, "uri"), idx: Number(member(place, "idx")) });
    const [items] = [...document.issuerSigned.issuerNamespaces.issuerNamespaces.values()];
    if (items.length !== 1) throw new Error("more is shown than was asked for");
    return { number: items[0].elementValue };
  },

  async "dc+sd-jwt"({ credential }) {
    const [token] = credential.split("~");
    const sdjwt = new SDJwtVcInstance({
      hasher: (data, alg) => createHash(alg.replace("-", "")).update(typeof data === "string" ? data : Buffer.from(data)).digest(),
      hashAlg: "sha-256",
      verifier: verifierOf(token), statusVerifier: verifierOf(token),
      statusListFetcher: async (uri) => (await get(uri)).text(),
    });
    const { payload: claims } = await sdjwt.verify(credential);
    return { number: claims.licence_number };
  },

  async jwt_vc_json({ credential }) {
    const { verifiableCredential } = await verifyCredential(credential, resolver);
    const { credentialStatus: entry, credentialSubject } = verifiableCredential;
    const published = await (await get(entry.statusListCredential)).json();
    const list = await decodeList({ encodedList: published.credentialSubject.encodedList });
    if (list.getStatus(Number(entry.statusListIndex))) throw new Error("revoked");
    await statusAt(payload(credential).status.status_list);
    return { number: credentialSubject.licence_number };
  },

  async ldp_vc({ credential, contexts }) {
    const suite = new DataIntegrityProof({ cryptosuite });
    const documentLoader = (url) => loader(contexts, url);
    const result = await vc.verifyCredential({ credential, suite, documentLoader, checkStatus: (o) => checkStatus({ ...o, suite, documentLoader }) });
    if (!result.verified) {
      throw new Error([result.error, ...(result.error?.errors ?? []), result.statusResult?.error].map((e) => e?.stack).join("; "));
    }
    // What is revoked verifies: whoever asks has to look at the status.
    const { results } = result.statusResult;
    if (results.length !== 2 || results.some((r) => r.status)) throw new Error("revoked or suspended");
    return { number: credential.credentialSubject.licence_number };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { job, ...given } = JSON.parse(line);
  let result;
  try {
    result = { ok: true, ...(await does[job](given)) };
  } catch (e) {
    result = { ok: false, error: String(e?.stack ?? e) };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit(0);
