// An issuer that is not ours: @openid4vc's credential issuer and authorization server
// over HTTP on loopback. Says where it is on its first line; then reads an offer to
// make a line, and answers each with its link. Bound tokens and pushed requests only.
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Oauth2AuthorizationServer, Oauth2ResourceServer, setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vciIssuer } from "@openid4vc/openid4vci";

setGlobalConfig({ allowInsecureUrls: true }); // loopback

const encode = (v) => Buffer.from(JSON.stringify(v)).toString("base64url");
const draw = () => randomBytes(32).toString("base64url");
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const own = { ...publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES256" };

function compact(header, payload) {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const callbacks = {
  hash: (data, alg) => createHash(alg.replace("-", "")).update(data).digest(),
  generateRandom: (n) => randomBytes(n),
  fetch,
  signJwt: (_, { header, payload }) => ({ jwt: compact(header, payload), signerJwk: own }),
  verifyJwt: (signer, { compact: text }) => {
    const [header, payload, signature] = text.split(".");
    const key = createPublicKey({ key: signer.publicJwk, format: "jwk" });
    const verified = verify("sha256", Buffer.from(`${header}.${payload}`), { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
    return { verified, signerJwk: signer.publicJwk };
  },
};

const server = createServer((req, res) => answer(req, res).catch((e) => {
  const body = e?.errorResponse ?? { error: "server_error", error_description: String(e?.stack) };
  res.writeHead(e?.wwwAuthenticateHeaders ? 401 : 400, { "content-type": "application/json" }).end(JSON.stringify(body));
}));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;

const issuer = new Openid4vciIssuer({ callbacks });
const authority = new Oauth2AuthorizationServer({ callbacks });
const resource = new Oauth2ResourceServer({ callbacks });
const credentialIssuer = issuer.createCredentialIssuerMetadata({
  credential_issuer: base, credential_endpoint: `${base}/credential`, nonce_endpoint: `${base}/nonce`,
  deferred_credential_endpoint: `${base}/deferred`, display: [{ name: "Elsewhere" }],
  credential_configurations_supported: {
    staff: {
      format: "dc+sd-jwt", vct: "urn:test:staff", scope: "staff", cryptographic_binding_methods_supported: ["jwk"],
      credential_signing_alg_values_supported: ["ES256"], proof_types_supported: { jwt: { proof_signing_alg_values_supported: ["ES256"] } },
      credential_metadata: { display: [{ name: "Staff card" }] },
    },
  },
});
const authorizationServer = authority.createAuthorizationServerMetadata({
  issuer: base, token_endpoint: `${base}/token`, authorization_endpoint: `${base}/authorize`, pushed_authorization_request_endpoint: `${base}/par`,
  require_pushed_authorization_requests: true, jwks_uri: `${base}/jwks`, dpop_signing_alg_values_supported: ["ES256"],
  code_challenge_methods_supported: ["S256"], authorization_response_iss_parameter_supported: true,
});
const issuerMetadata = {
  credentialIssuer, authorizationServers: [authorizationServer],
  knownCredentialConfigurations: issuer.getKnownCredentialConfigurationsSupported(credentialIssuer),
};

const offers = new Map(); // by pre-authorized code or issuer_state
const pushed = new Map(); // by request_uri
const codes = new Map(); // by authorization code
const nonces = new Set();
const waiting = new Map(); // by transaction_id
const left = new Map(); // how often what is deferred is asked for in vain, by subject
let dpopNonce = draw();

// possessed has a wallet put a nonce of ours into its proofs.
function possessed(text) {
  const { nonce } = JSON.parse(Buffer.from(text.split(".")[1], "base64url"));
  if (nonce === dpopNonce) return undefined;
  dpopNonce = draw();
  return dpopNonce;
}

async function answer(req, res) {
  const url = new URL(req.url, base);
  let text = "";
  for await (const part of req) text += part;
  const request = { method: req.method, url: url.href, headers: new Headers(req.headers) };
  const json = (status, body, headers) =>
    res.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  const again = (nonce, status = 400) => json(status, { error: "use_dpop_nonce" }, {
    "dpop-nonce": nonce, ...(status === 401 ? { "www-authenticate": 'DPoP error="use_dpop_nonce"' } : {}),
  });
  const form = () => Object.fromEntries(new URLSearchParams(text));

  switch (`${req.method} ${url.pathname}`) {
    case "GET /.well-known/openid-credential-issuer": {
      if (!req.headers.accept?.startsWith("application/jwt")) return json(200, credentialIssuer);
      const now = Date.now();
      const jwt = await issuer.createSignedCredentialIssuerMetadataJwt({
        credentialIssuerMetadata: credentialIssuer, issuer: base, issuedAt: new Date(now), expiresAt: new Date(now + 60_000),
        signer: { method: "jwk", alg: "ES256", publicJwk: own },
      });
      return res.writeHead(200, { "content-type": "application/jwt" }).end(jwt);
    }
    case "GET /.well-known/oauth-authorization-server":
      return json(200, authorizationServer);
    case "GET /jwks":
      return json(200, { keys: [own] });
    case "POST /par": {
      const { authorizationRequest, dpop } = await authority.parsePushedAuthorizationRequest({ authorizationRequest: form(), request });
      const nonce = possessed(dpop.jwt);
      if (nonce) return again(nonce);
      const { dpop: proven } = await authority.verifyPushedAuthorizationRequest({
        authorizationRequest, authorizationServerMetadata: authorizationServer, request, dpop: { ...dpop, required: true },
      });
      const requestUri = `urn:ietf:params:oauth:request_uri:${draw()}`;
      pushed.set(requestUri, { ...authorizationRequest, jkt: proven.jwkThumbprint });
      return json(201, authority.createPushedAuthorizationResponse({ requestUri, expiresInSeconds: 60 }).pushedAuthorizationResponse);
    }
    case "GET /authorize": {
      const asked = pushed.get(url.searchParams.get("request_uri"));
      const code = draw();
      codes.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.search = new URLSearchParams({ code, state: asked.state, iss: base });
      return res.writeHead(303, { location: back.href }).end();
    }
    case "POST /token": {
      const parsed = authority.parseAccessTokenRequest({ accessTokenRequest: form(), request });
      const { grant, dpop, accessTokenRequest } = parsed;
      const nonce = possessed(dpop.jwt);
      if (nonce) return again(nonce);
      const common = { accessTokenRequest, grant, request, authorizationServerMetadata: authorizationServer };
      let verified;
      let offer;
      if (grant.grantType === "authorization_code") {
        const asked = codes.get(grant.code);
        codes.delete(grant.code);
        offer = offers.get(asked.issuer_state);
        verified = await authority.verifyAuthorizationCodeAccessTokenRequest({
          ...common, expectedCode: grant.code, dpop: { ...dpop, required: true, expectedJwkThumbprint: asked.jkt },
          pkce: { codeChallenge: asked.code_challenge, codeChallengeMethod: asked.code_challenge_method, codeVerifier: parsed.pkceCodeVerifier },
        });
      } else {
        offer = offers.get(grant.preAuthorizedCode);
        verified = await authority.verifyPreAuthorizedCodeAccessTokenRequest({
          ...common, expectedPreAuthorizedCode: offer?.code, expectedTxCode: offer?.txCode, dpop: { ...dpop, required: true },
        });
        offers.delete(grant.preAuthorizedCode);
      }
      const subject = draw();
      left.set(subject, offer?.later ?? 0);
      return json(200, await authority.createAccessTokenResponse({
        audience: base, authorizationServer: base, expiresInSeconds: 300, subject, scope: "staff", dpop: verified.dpop,
        signer: { method: "jwk", alg: "ES256", publicJwk: own }, refreshToken: false,
      }));
    }
    case "POST /nonce": {
      const nonce = draw();
      nonces.add(nonce);
      return json(200, issuer.createNonceResponse({ cNonce: nonce, cNonceExpiresIn: 60 }));
    }
    case "POST /credential":
    case "POST /deferred": {
      const nonce = possessed(req.headers.dpop);
      if (nonce) return again(nonce, 401);
      const { tokenPayload } = await resource.verifyResourceRequest({
        request, resourceServer: base, authorizationServers: [authorizationServer], allowedAuthenticationSchemes: ["DPoP"],
      });
      const { sub } = tokenPayload;
      if (url.pathname === "/deferred") {
        const { deferredCredentialRequest } = issuer.parseDeferredCredentialRequest({ deferredCredentialRequest: JSON.parse(text) });
        return hand(sub, deferredCredentialRequest.transaction_id, waiting.get(deferredCredentialRequest.transaction_id));
      }
      const { proofs } = issuer.parseCredentialRequest({ issuerMetadata, credentialRequest: JSON.parse(text) });
      const { nonce: said } = JSON.parse(Buffer.from(proofs.jwt[0].split(".")[1], "base64url"));
      if (!nonces.delete(said)) return json(400, { error: "invalid_nonce" });
      const proof = await issuer.verifyCredentialRequestJwtProof({ issuerMetadata, jwt: proofs.jwt[0], expectedNonce: said });
      return hand(sub, draw(), proof.signer.publicJwk);
    }
  }
  return json(404, {});

  // hand hands a credential over, or says when.
  function hand(subject, transaction, { kty, crv, x, y }) {
    const wait = left.get(subject);
    if (wait > 0) {
      left.set(subject, wait - 1);
      waiting.set(transaction, { kty, crv, x, y });
      return json(202, { transaction_id: transaction, interval: 1 });
    }
    const now = Math.floor(Date.now() / 1000);
    const hidden = Buffer.from(JSON.stringify([draw(), "given_name", "Ada"])).toString("base64url");
    const token = compact({ alg: "ES256", typ: "dc+sd-jwt", kid: "1" }, {
      iss: base, vct: "urn:test:staff", iat: now, exp: now + 3600, cnf: { jwk: { kty, crv, x, y } }, role: "nurse",
      _sd: [createHash("sha256").update(hidden).digest("base64url")], _sd_alg: "sha-256",
    });
    const response = { credentials: [{ credential: `${token}~${hidden}~` }] };
    return json(200, url.pathname === "/deferred" ? response : issuer.createCredentialResponse({ credentialRequest: {}, ...response }).credentialResponse ?? response);
  }
}

process.stdout.write(`${JSON.stringify({ base, key: own })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const { code, txCode, later } = JSON.parse(line);
  const secret = draw();
  const offer = { code: secret, txCode: txCode ? "493536" : undefined, later };
  offers.set(secret, offer);
  const { credentialOffer: link } = await issuer.createCredentialOffer({
    issuerMetadata, credentialConfigurationIds: ["staff"],
    grants: code
      ? { authorization_code: { issuer_state: secret } }
      : { "urn:ietf:params:oauth:grant-type:pre-authorized_code": { "pre-authorized_code": secret, ...(txCode ? { tx_code: { input_mode: "numeric", length: 6 } } : {}) } },
  });
  process.stdout.write(`${JSON.stringify({ link, txCode: offer.txCode })}\n`);
}
process.exit(0);
