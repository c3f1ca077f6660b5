// An OpenID provider for the tests: on loopback, with short tokens, rotation and revocation.
//
// Environment: PORT, ACCESS_TTL (seconds), PROXY (another origin it is reached by, if any), SETTINGS
// (a JSON object, all of it optional):
//   idTokens        the algorithm that signs them
//   accessTokens    "jwt", or else opaque
//   refreshTokens   "offline_access": issued only for that scope, or else always
//   pushedRequests  whether each request must be pushed
//   cors            whether pages of any origin may read the answers that are for a client
//   client          further metadata of the client
// Standard output: a line of JSON per server-side event; the first says that it is ready.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = process.env.PROXY ?? `http://127.0.0.1:${port}`;
const say = (event, detail = {}) => console.log(JSON.stringify({ event, ...detail }));
const settings = JSON.parse(process.env.SETTINGS ?? '{}');
const alg = settings.idTokens ?? 'RS256';
const kind = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519'],
  Ed25519: ['ed25519'],
}[alg] ?? ['rsa', { modulusLength: 2048 }];
const { privateKey } = generateKeyPairSync(...kind);
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: 'test' };

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'app',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback', 'org.example.app://back'],
    post_logout_redirect_uris: ['http://127.0.0.1/bye'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: alg,
    ...settings.client,
  }],
  jwks: { keys: [key] },
  cookies: { keys: ['only a test'] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'] },
  conformIdTokenClaims: false,
  subjectTypes: ['public', 'pairwise'],
  pairwiseIdentifier: async (_, id, client) => `pairwise of ${id} for ${client.clientId}`,
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES512', 'EdDSA', 'Ed25519'],
  },
  features: {
    dPoP: { enabled: true },
    pushedAuthorizationRequests: {
      enabled: true,
      requirePushedAuthorizationRequests: settings.pushedRequests ?? false,
    },
    resourceIndicators: {
      enabled: settings.accessTokens === 'jwt',
      defaultResource: async () => 'https://api.example.org',
      getResourceServerInfo: async () => ({ scope: '', accessTokenFormat: 'jwt' }),
      useGrantedResource: async () => true,
    },
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  ttl: {
    AccessToken: Number(process.env.ACCESS_TTL ?? 3600),
    IdToken: Number(process.env.ACCESS_TTL ?? 3600),
    RefreshToken: 86400,
    Session: 86400,
    Grant: 86400,
    Interaction: 3600,
    AuthorizationCode: 60,
  },
  issueRefreshToken: async (_, client, code) =>
    settings.refreshTokens !== 'offline_access' || code.scopes.has('offline_access'),
  rotateRefreshToken: true,
  clientBasedCORS: () => settings.cors ?? false,
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id,
      email: `${id}@example.org`,
      email_verified: true,
      preferred_username: id,
    }),
  }),
});

provider.on('grant.success', (ctx) => say('grant.success', { grant: ctx.oidc.params.grant_type }));
provider.on('grant.error', (ctx, error) => say('grant.error', { error: error.error }));
provider.on('grant.revoked', () => say('grant.revoked'));
provider.on('refresh_token.consumed', () => say('refresh_token.consumed'));
provider.on('refresh_token.destroyed', () => say('refresh_token.destroyed'));
provider.on('server_error', (_, error) => say('server_error', { error: String(error) }));
provider.proxy = true;
provider.listen(port, '127.0.0.1', () => say('ready'));
