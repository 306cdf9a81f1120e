// An issuer, a wallet and a verifier that are not ours: does the jobs that it
// reads as a JSON array, and answers with an array of results.
import { X509Certificate, createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from "node:crypto";
import {
  CoseKey, DateOnly, DeviceKey, DeviceRequest, DocRequest, Holder, Issuer, IssuerSigned, ItemsRequest, SessionTranscript, Verifier,
} from "@owf/mdoc";

const ES256 = -7;
const EdDSA = -8;

const bytes = (s) => new Uint8Array(Buffer.from(s, "base64"));
const text = (b) => Buffer.from(b).toString("base64");
const publicOf = ({ kty, crv, x, y }) => (y === undefined ? { kty, crv, x } : { kty, crv, x, y });
const hashOf = (jwk) => (jwk.crv === "P-256" ? "sha256" : null);
const fieldsOf = (name) => Object.fromEntries(name.split("\n").map((line) => line.split("=")));

// The library leaves cryptography and certificates to its user: here they are Node's.
const ctx = {
  crypto: {
    random: (n) => new Uint8Array(randomBytes(n)),
    digest: ({ digestAlgorithm, bytes }) => new Uint8Array(createHash(digestAlgorithm.replace("-", "")).update(bytes).digest()),
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) => {
        const secret = createPrivateKey({ key: key.jwk, format: "jwk" });
        return new Uint8Array(sign(hashOf(key.jwk), toBeSigned, { key: secret, dsaEncoding: "ieee-p1363" }));
      },
      verify: ({ key, sign1 }) => {
        const open = createPublicKey({ key: publicOf(key.jwk), format: "jwk" });
        return verify(hashOf(key.jwk), sign1.toBeSigned, { key: open, dsaEncoding: "ieee-p1363" }, sign1.signature);
      },
    },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) => [fieldsOf(new X509Certificate(certificate).issuer)[field]].filter(Boolean),
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

const transcriptOf = ({ clientId, nonce, responseUri, thumbprint }) =>
  SessionTranscript.forOid4Vp({ clientId, nonce, responseUri, jwkThumbprint: thumbprint && bytes(thumbprint) }, ctx);

const requestOf = (docType, show) =>
  DeviceRequest.create({
    docRequests: [DocRequest.create({
      itemsRequest: ItemsRequest.create({
        docType,
        namespaces: Object.fromEntries(Object.entries(show).map(([space, names]) => [space, Object.fromEntries(names.map((n) => [n, false]))])),
      }),
    })],
  });

const algorithmOf = (jwk) => (jwk.crv === "P-256" ? ES256 : EdDSA);

const plain = (v) => (v instanceof Map ? Object.fromEntries([...v].map(([k, w]) => [k, plain(w)])) : Array.isArray(v) ? v.map(plain) : v);

const elementsOf = (issuerSigned) =>
  Object.fromEntries([...issuerSigned.issuerNamespaces.issuerNamespaces].map(([space, items]) =>
    [space, Object.fromEntries(items.map((i) => [i.elementIdentifier, plain(i.elementValue)]))]));

const does = {
  // receive judges a credential that we issued, as a wallet does.
  async receive({ credential, root, at }) {
    const issuerSigned = IssuerSigned.decode(bytes(credential));
    await Holder.verifyIssuerSigned({ issuerSigned, trustedCertificates: [bytes(root)], now: new Date(at) }, ctx);
    return { elements: elementsOf(issuerSigned) };
  },

  // present answers with a credential that we issued.
  async present({ credential, docType, show, session, secret }) {
    const response = await Holder.createDeviceResponseForDeviceRequest({
      deviceRequest: requestOf(docType, show),
      sessionTranscript: await transcriptOf(session),
      issuerSigned: [IssuerSigned.decode(bytes(credential))],
      signature: { signingKey: CoseKey.fromJwk({ ...secret, alg: secret.crv === "P-256" ? "ES256" : "EdDSA" }) },
    }, ctx);
    return { response: text(response.encode()) };
  },

  // verify judges a response of ours.
  async verify({ response, docType, show, session, root, at }) {
    const deviceRequest = requestOf(docType, show);
    await Verifier.verifyDeviceResponse({
      deviceRequest, deviceResponse: bytes(response), sessionTranscript: await transcriptOf(session),
      trustedCertificates: [bytes(root)], now: new Date(at),
    }, ctx);
    return {};
  },

  // issue makes a credential of its own under certificates of ours.
  async issue({ docType, elements, day, chain, secret, device, at, until }) {
    const issuer = new Issuer(docType, ctx);
    for (const [space, values] of Object.entries(elements)) issuer.addIssuerNamespace(space, values);
    for (const [space, values] of Object.entries(day)) {
      issuer.addIssuerNamespace(space, Object.fromEntries(Object.entries(values).map(([n, d]) => [n, new DateOnly(d)])));
    }
    const issuerSigned = await issuer.sign({
      signingKey: CoseKey.fromJwk(secret), algorithm: algorithmOf(secret), digestAlgorithm: "SHA-256",
      validityInfo: { signed: new Date(at), validFrom: new Date(at), validUntil: new Date(until) },
      deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(device) },
      certificates: chain.map(bytes),
    });
    return { credential: text(issuerSigned.encode()) };
  },
};

let input = "";
for await (const chunk of process.stdin) input += chunk;
const results = [];
for (const { job, ...given } of JSON.parse(input)) {
  try {
    results.push({ ok: true, ...(await does[job](given)) });
  } catch (e) {
    results.push({ ok: false, error: String(e?.stack ?? e) });
  }
}
process.stdout.write(JSON.stringify(results));
