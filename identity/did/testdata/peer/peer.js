// Resolvers that are not ours: does the jobs that it reads as a JSON array, and
// answers with an array of documents, in which keys are JWKs whatever they were.
import { driver } from "@digitalbazaar/did-method-jwk";
import { Resolver } from "did-resolver";
import { getResolver as keyResolver } from "key-did-resolver";
import { base58btc } from "multiformats/bases/base58";
import { getResolver as webResolver } from "web-did-resolver";

const resolver = new Resolver({ ...keyResolver(), ...webResolver() });
const jwk = driver();

function keyOf(method) {
  if (method.publicKeyBase58) {
    const raw = base58btc.baseDecode(method.publicKeyBase58);
    return { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") };
  }
  return method.publicKeyJwk;
}

async function resolve({ did }) {
  try {
    if (did.startsWith("did:jwk:")) {
      return { document: await jwk.get({ did }) };
    }
    const result = await resolver.resolve(did, { accept: "application/did+json" });
    const error = result.didResolutionMetadata.error;
    return error ? { error } : { document: result.didDocument };
  } catch (e) {
    return { error: String(e) };
  }
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
const results = [];
for (const job of JSON.parse(input)) {
  const { document, error } = await resolve(job);
  results.push({
    error,
    id: document?.id,
    alsoKnownAs: document?.alsoKnownAs,
    keys: Object.fromEntries((document?.verificationMethod ?? []).map((m) => [m.id, keyOf(m)])),
    assertionMethod: document?.assertionMethod?.map((m) => m.id ?? m),
    service: document?.service?.map((s) => s.serviceEndpoint),
  });
}
process.stdout.write(JSON.stringify(results));
