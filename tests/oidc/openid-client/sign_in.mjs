// An application on Node: reads what it is as a line of JSON, says where to send a browser, reads where that was led back,
// and says what it learned.
import { createInterface } from "node:readline/promises";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => (await lines.next()).value;
const say = (what) => console.log(JSON.stringify(what));

const { issuer, clientId, secret, key, redirectUri, scope } = JSON.parse(await read());
const proof = key
  ? client.PrivateKeyJwt({
      key: await crypto.subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]),
      kid: key.kid,
    })
  : client.ClientSecretBasic(secret);
const config = await client.discovery(new URL(issuer), clientId, undefined, proof, {
  execute: [client.allowInsecureRequests],
});

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const address = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: redirectUri,
  scope,
  state: expectedState,
  nonce: expectedNonce,
  max_age: "3600",
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
});
say({ address: address.href });

const tokens = await client.authorizationCodeGrant(config, new URL(await read()), {
  pkceCodeVerifier,
  expectedState,
  expectedNonce,
  maxAge: 3600,
  idTokenExpected: true,
});
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const before = await client.tokenIntrospection(config, refreshed.access_token);
await client.tokenRevocation(config, refreshed.refresh_token);
const after = await client.tokenIntrospection(config, refreshed.access_token);
say({ claims, userinfo, rotated: refreshed.refresh_token !== tokens.refresh_token, active: [before.active, after.active] });
process.exit(0);
