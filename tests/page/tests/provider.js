// An OpenID provider in the place of `fetch`, with faults.
const ISSUER = 'https://id.example.org';
const hashes = { 256: 'SHA-256', 384: 'SHA-384', 512: 'SHA-512' };
let log = [];
let nonce = '';
let restore = [];
const timers = new Map();

const text = (string) => new TextEncoder().encode(string);
const base64 = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

function algorithmOf(alg) {
  const hash = hashes[alg.slice(2)];
  const rsa = { hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  switch (alg.slice(0, 2)) {
    case 'RS': return { name: 'RSASSA-PKCS1-v1_5', ...rsa };
    case 'PS': return { name: 'RSA-PSS', saltLength: Number(alg.slice(2)) / 8, ...rsa };
    case 'ES': return { name: 'ECDSA', namedCurve: `P-${alg.slice(2)}`, hash };
    default: return { name: 'Ed25519' };
  }
}

/** Puts another value in the place of a property until `uninstall`. */
function replace(object, name, value) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true });
  restore.push(() => {
    if (before) Object.defineProperty(object, name, before);
    else delete object[name];
  });
}

export async function install(alg, fault) {
  const algorithm = algorithmOf(alg);
  const subtle = crypto.subtle;
  const keys = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { kty, crv, x, y, n, e } = await subtle.exportKey('jwk', keys.publicKey);
  const jwk = { kty, crv, x, y, n, e, kid: 'key', alg };
  if (fault === 'no key') jwk.n = 'AQAB';
  const json = (value) => new Response(JSON.stringify(value));

  async function idToken() {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: 'app', sub: 'ada', nonce, iat: now, exp: now + 3600 };
    const signed = [{ alg, kid: 'key' }, claims].map((part) => base64(text(JSON.stringify(part))));
    const signature = new Uint8Array(await subtle.sign(algorithm, keys.privateKey, text(signed.join('.'))));
    if (fault === 'forged') signature[9] ^= 1;
    return [...signed, base64(signature)].join('.');
  }

  const chunks = (count) => new ReadableStream({
    pull(to) {
      if (count-- === 0) to.close();
      else to.enqueue(new Uint8Array(64 * 1024));
    },
  });

  const faults = {
    refused: () => { throw new TypeError('Failed to fetch'); },
    offline: () => { throw new TypeError('Failed to fetch'); },
    'lost on the way': () => {
      replace(globalThis, 'navigator', { onLine: false });
      throw new TypeError('Failed to fetch');
    },
    'too long': () => new Response(chunks(17)),
    endless: () => new Response(chunks(-1)),
    broken: () => new Response(new ReadableStream({ pull(to) { to.error(new TypeError('cut')); } })),
    late: (signal) => new Promise((_, reject) => {
      signal.addEventListener('abort', () => { log.push('aborted'); reject(signal.reason); });
    }),
    stalled: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),
    // What a browser makes of a redirect that it is not to follow.
    elsewhere: () => Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' }),
    'out of order': () => new Response('', { status: 500 }),
    'no JSON': () => new Response('<html>'),
  };

  async function answer(url, init) {
    const headers = new Headers(init.headers);
    log.push([
      init.method ?? 'GET', init.credentials, init.cache, init.redirect, init.referrerPolicy,
      headers.get('accept'), headers.get('content-type') ?? '-',
    ].join(' '));
    if (faults[fault]) return faults[fault](init.signal);
    switch (url) {
      case `${ISSUER}/.well-known/openid-configuration`:
        return json({
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/keys`,
        });
      case `${ISSUER}/keys`:
        return json({ keys: [jwk] });
      default: {
        const refreshes = new URLSearchParams(init.body).get('grant_type') === 'refresh_token';
        if (refreshes && fault === 'ended') return new Response('{"error":"invalid_grant"}', { status: 400 });
        if (refreshes && fault === 'unreachable') throw new TypeError('Failed to fetch');
        return json({
          access_token: refreshes ? 'renewed' : 'access',
          refresh_token: 'refresh',
          token_type: 'Bearer',
          expires_in: 3600,
          id_token: await idToken(),
        });
      }
    }
  }

  replace(globalThis, 'fetch', answer);
  // The runner's own timers began before.
  const { setTimeout, clearTimeout } = globalThis;
  timers.clear();
  replace(globalThis, 'setTimeout', (call, delay) => {
    const timer = setTimeout(() => { timers.delete(timer); call(); }, delay);
    timers.set(timer, delay);
    return timer;
  });
  replace(globalThis, 'clearTimeout', (timer) => { timers.delete(timer); clearTimeout(timer); });
  if (fault === 'offline') replace(globalThis, 'navigator', { onLine: false });
  if (fault === 'insecure') replace(globalThis, 'crypto', { getRandomValues: (into) => into });
}

export function uninstall() {
  restore.reverse().forEach((undo) => undo());
  restore = [];
}

/** How many timers of this delay have been set since `install`, and neither fired nor been cleared. */
export function waiting(delay) {
  return [...timers.values()].filter((of) => of === delay).length;
}

export function visit(page) {
  const query = new URL(page).searchParams;
  nonce = query.get('nonce');
  const back = new URL(query.get('redirect_uri'));
  back.searchParams.set('code', 'a code');
  back.searchParams.set('state', query.get('state'));
  return back.href;
}

export function sent() {
  const before = log;
  log = [];
  return before;
}
