// Does jobs with another COSE (@auth0/cose) and another CBOR (cbor-x): makes a device's
// token, and takes one apart.
import { Sign1 } from "@auth0/cose";
import { Encoder } from "cbor-x";
import { createPrivateKey, createPublicKey } from "node:crypto";

const cbor = new Encoder({ useRecords: false, mapsAsObjects: false, tagUint8Array: false });
const bytes = (s) => Buffer.from(s, "base64");
const text = (b) => Buffer.from(b).toString("base64");

const does = {
  async sign({ secret, nonce, unit, version, files }) {
    const evidence = new Map([[17, files.map(({ name, digest }) => new Map([[24, name], [7, [1, Buffer.from(digest, "hex")]]]))]]);
    const swid = new Map([[0, "monitor"], [12, 0], [1, "monitor"], [2, new Map([[31, "maker"], [33, 1]])], [3, evidence]]);
    const claims = new Map([
      [10, bytes(nonce)], [256, Buffer.concat([Buffer.from([1]), bytes(unit)])], [271, [version]], [263, 3],
      [273, [[258, cbor.encode(swid)]]],
    ]);
    const key = createPrivateKey({ key: secret, format: "jwk" });
    const signed = await Sign1.sign([[1, -8]], [], cbor.encode(claims), key);
    return { token: text(signed.encode()) };
  },
  async read({ token, key }) {
    let b = bytes(token);
    if (b[0] === 0xd8 && b[1] === 0x3d) b = b.subarray(2); // the tag of a CWT
    const message = Sign1.decode(b);
    await message.verify(createPublicKey({ key, format: "jwk" }), { algorithms: [-8] });
    const claims = cbor.decode(message.payload);
    const swid = cbor.decode(claims.get(273)[0][1]);
    return {
      nonce: text(claims.get(10)), unit: text(claims.get(256)), version: claims.get(271)[0], debug: claims.get(263),
      files: swid.get(3).get(17).map((f) => ({ name: f.get(24), digest: Buffer.from(f.get(7)[1]).toString("hex") })),
    };
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
