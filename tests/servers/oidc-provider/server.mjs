// An OpenID provider for the tests: on loopback, with short tokens, rotation and revocation.
//
// Environment: PORT, ACCESS_TTL (seconds), PROXY (another origin it is reached by, if any).
// Standard output: a line of JSON per server-side event; the first says that it is ready.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = process.env.PROXY ?? `http://127.0.0.1:${port}`;
const say = (event, detail = {}) => console.log(JSON.stringify({ event, ...detail }));
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'test' };

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'app',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback', 'org.example.app://back'],
    post_logout_redirect_uris: ['http://127.0.0.1/bye'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  jwks: { keys: [key] },
  cookies: { keys: ['only a test'] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'] },
  conformIdTokenClaims: false,
  features: {
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
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
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
