// An identity provider for client credentials, on oidc-provider. It ends when the process that started it ends: its
// standard input is then at its end.
//
// usage: provider.mjs NODE_MODULES PORT JOURNAL ISSUED ORIGIN [CERTIFICATE KEY]
//   JOURNAL gets one JSON object a line for every token request, ISSUED one token a line.

import { appendFileSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";

const [modules, port, journal, issued, origin, certificate, key] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const client = (client_id, client_secret, token_endpoint_auth_method) => ({
  client_id,
  client_secret,
  token_endpoint_auth_method,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
});

const provider = new Provider(origin, {
  clients: [
    client("inventory:basic", "basic-s3cret/+=:% &x", "client_secret_basic"),
    client("inventory-post", "post-s3cret/+=:% &x", "client_secret_post"),
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "test" }] },
  scopes: ["inventory", "audit"],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // A resource makes the access token a JWT for that audience; without one it is opaque. Providers that know
      // `audience` instead of `resource` do the same with it.
      defaultResource: (ctx) => ctx.oidc.body?.audience,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: "inventory audit",
        audience: resource,
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path !== "/token") return;
  const { client_secret, ...parameters } = ctx.oidc?.body ?? {};
  const secretIn = ctx.headers.authorization?.startsWith("Basic ") ? "header" : client_secret ? "body" : "nowhere";
  const answer = ctx.body ?? {};
  if (answer.access_token) appendFileSync(issued, `${answer.access_token}\n`);
  const claims = answer.access_token?.includes(".") ? JSON.parse(atob(answer.access_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))) : null;
  const line = { secret_in: secretIn, parameters, status: ctx.status, error: answer.error ?? null, client: ctx.oidc?.client?.clientId ?? null, claims };
  appendFileSync(journal, `${JSON.stringify(line)}\n`);
});

const server = certificate
  ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, provider.callback())
  : http.createServer(provider.callback());
server.listen(Number(port), "127.0.0.1");
