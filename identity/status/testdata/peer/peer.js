// Verifiers and issuers of status lists that are not ours: does the jobs that it
// reads as a JSON array, and answers with an array of results.
import { createHash, webcrypto } from "node:crypto";
import { checkStatus, createCredential, createList } from "@digitalbazaar/vc-bitstring-status-list";
import { StatusList, createHeaderAndPayload, getListFromStatusListJWT } from "@sd-jwt/jwt-status-list";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";

const { subtle } = webcrypto;

const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function verifierOf(jwk) {
  const key = await subtle.importKey("jwk", jwk, ES256, false, ["verify"]);
  return async (data, signature) => subtle.verify(ES256, key, Buffer.from(signature, "base64url"), Buffer.from(data));
}

const segment = (v) => Buffer.from(JSON.stringify(v)).toString("base64url");

const does = {
  // verify judges a credential that we issued, with the status list that we publish.
  async verify({ credential, list, issuer, listSigner, at }) {
    const sdjwt = new SDJwtVcInstance({
      hasher: (data, alg) => createHash(alg.replace("-", "")).update(typeof data === "string" ? data : Buffer.from(data)).digest(),
      hashAlg: "sha-256",
      verifier: await verifierOf(issuer),
      statusVerifier: await verifierOf(listSigner),
      statusListFetcher: async () => list,
    });
    const { payload } = await sdjwt.verify(credential, { currentDate: at });
    return { index: payload.status.status_list.idx };
  },

  // read tells what a list of ours says of some places.
  async read({ list, places }) {
    const l = getListFromStatusListJWT(list);
    return { size: l.statusList.length, statuses: places.map((i) => l.getStatus(i)) };
  },

  // publish signs a list of its own.
  async publish({ size, bits, marks, claims }) {
    const statuses = new Array(size).fill(0);
    for (const [i, s] of Object.entries(marks)) statuses[i] = s;
    const pair = await subtle.generateKey(ES256, true, ["sign", "verify"]);
    const { header, payload } = createHeaderAndPayload(new StatusList(statuses, bits), claims, { alg: "ES256", kid: "1" });
    const signed = `${segment(header)}.${segment(payload)}`;
    const signature = Buffer.from(await subtle.sign(ES256, pair.privateKey, Buffer.from(signed))).toString("base64url");
    const { kty, crv, x, y } = await subtle.exportKey("jwk", pair.publicKey);
    return { list: `${signed}.${signature}`, signer: { kty, crv, x, y } };
  },

  // check asks a bitstring of ours about one credential. Proofs are another's matter.
  async check({ credential, list }) {
    const { verified, results, error } = await checkStatus({
      credential,
      documentLoader: async (url) => ({ document: url === list.id ? list : undefined }),
      verifyBitstringStatusListCredential: false,
    });
    if (!verified) throw error;
    return { set: results.map((r) => r.status) };
  },

  // bitstring makes a list of its own.
  async bitstring({ id, size, purpose, marks }) {
    const list = await createList({ length: size });
    for (const i of marks) list.setStatus(i, true);
    return { credential: await createCredential({ id, list, statusPurpose: purpose }) };
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
