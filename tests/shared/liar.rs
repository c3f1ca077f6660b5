//! A provider that lies: no real server does as one would have to for these tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "app";

/// How long it goes on with a body without end.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) enum Answer {
    Json(u16, String),
    Html,
    /// To this path of its own.
    Redirect(u16, &'static str),
    /// As fast as it goes, and a byte now and then.
    Endless,
    Drip,
}

/// What it lies about, and how.
pub(crate) type Lie = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

#[derive(Default)]
struct Lies {
    /// A part of the path, how many requests are answered honestly, and the lie.
    lie: Option<(&'static str, usize, Lie)>,
    nonce: String,
    issuer: Option<String>,
    requests: Vec<String>,
}

pub(crate) struct Liar {
    port: u16,
    state: Arc<Mutex<Lies>>,
    flood: Arc<AtomicU64>,
}

/// A request, and what there is to tell of it.
pub(crate) struct Asked {
    pub(crate) request: String,
    pub(crate) issuer: String,
    pub(crate) origin: String,
    pub(crate) nonce: String,
}

impl Liar {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, flood) = (Arc::<Mutex<Lies>>::default(), Arc::default());
        let liar = Self {
            port,
            state: Arc::clone(&state),
            flood: Arc::clone(&flood),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, flood) = (Arc::clone(&state), Arc::clone(&flood));
                // A client that has heard enough is no failure here.
                thread::spawn(move || serve(stream, port, &state, &flood).is_ok());
            }
        });
        liar
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its tokens are another's: those of a user pool name the service.
    pub(crate) fn issue_as(&self, issuer: &str) {
        self.state.lock().unwrap().issuer = Some(issuer.to_owned());
    }

    /// What the next id token is to carry.
    pub(crate) fn expect(&self, nonce: &str) {
        nonce.clone_into(&mut self.state.lock().unwrap().nonce);
    }

    /// Lies at this path, when it has been honest so many times.
    pub(crate) fn lie(&self, path: &'static str, honest: usize, lie: Lie) {
        self.state.lock().unwrap().lie = Some((path, honest, lie));
    }

    /// What it was asked, each with headers and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// How many bytes of endless bodies were taken.
    pub(crate) fn flood(&self) -> u64 {
        self.flood.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    port: u16,
    state: &Mutex<Lies>,
    flood: &AtomicU64,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read(&mut stream)?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (asked, lie) = {
        let mut state = state.lock().unwrap();
        state.requests.push(request.clone());
        let origin = format!("http://127.0.0.1:{port}");
        let asked = Asked {
            request,
            issuer: state.issuer.clone().unwrap_or_else(|| origin.clone()),
            origin,
            nonce: state.nonce.clone(),
        };
        let lie = match &mut state.lie {
            Some((at, honest, lie)) if path.contains(*at) => {
                let is_honest = *honest > 0;
                *honest = honest.saturating_sub(1);
                (!is_honest).then(|| Arc::clone(lie))
            }
            _ => None,
        };
        (asked, lie)
    };
    match lie.map_or_else(|| asked.honest(&path), |lie| lie(&asked)) {
        Answer::Json(status, body) => answer(&mut stream, status, "application/json", "", &body),
        Answer::Html => answer(&mut stream, 200, "text/html", "", "<html>Welcome</html>"),
        Answer::Redirect(status, to) => {
            let location = format!("location: {}{to}\r\n", asked.origin);
            answer(&mut stream, status, "text/plain", &location, "")
        }
        Answer::Endless => go_on(&mut stream, flood, &[b' '; 16 * 1024], Duration::ZERO),
        Answer::Drip => go_on(&mut stream, flood, b" ", Duration::from_millis(20)),
    }
}

fn answer(
    stream: &mut TcpStream,
    status: u16,
    kind: &str,
    header: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} As asked\r\ncontent-type: {kind}\r\n{header}connection: close\r\n\
        content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn go_on(stream: &mut TcpStream, flood: &AtomicU64, by: &[u8], wait: Duration) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        stream.write_all(by)?;
        flood.fetch_add(by.len() as u64, Ordering::SeqCst);
        thread::sleep(wait);
    }
    Ok(())
}

fn read(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length:")?.trim().parse().ok()
            });
            if body.len() >= length.unwrap_or(0_usize) {
                return Ok(text);
            }
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

impl Asked {
    /// What an honest provider would say.
    fn honest(&self, path: &str) -> Answer {
        if path.contains("/openid-configuration") {
            return Answer::Json(200, self.document().to_string());
        }
        if path.contains("/jwks") {
            return Answer::Json(200, key_set(&[key(1)]));
        }
        if path.contains("/token") {
            return grant(&sign(&self.claims()));
        }
        if path.contains("/revoke") {
            return Answer::Json(200, "{}".to_owned());
        }
        Answer::Json(404, "{}".to_owned())
    }

    pub(crate) fn document(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.origin);
        json!({
            "issuer": self.origin,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "revocation_endpoint": at("/revoke"),
            "end_session_endpoint": at("/bye"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        })
    }

    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer,
            "sub": "ada",
            "aud": CLIENT,
            "nonce": self.nonce,
            "iat": now(),
            "exp": now() + 3600,
        })
    }

    /// The claims, with this one as it should not be.
    pub(crate) fn but(&self, claim: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[claim] = value;
        claims
    }

    /// The claims, without this one.
    pub(crate) fn without(&self, claim: &str) -> Value {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(claim);
        claims
    }

    /// What the form of the request has under a name.
    pub(crate) fn sent(&self, name: &str) -> String {
        let (_, form) = self.request.split_once("\r\n\r\n").unwrap();
        let mut fields = url::form_urlencoded::parse(form.as_bytes());
        let found = fields.find(|(key, _)| key == name);
        found.map_or_else(String::new, |(_, value)| value.into_owned())
    }
}

pub(crate) fn sign(claims: &Value) -> String {
    signed(&json!({"alg": "EdDSA", "kid": "1"}), claims, 1)
}

/// What a token endpoint grants.
pub(crate) fn grant(id_token: &str) -> Answer {
    let tokens = json!({
        "access_token": "an-access-token-of-the-liar",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "a-refresh-token-of-the-liar",
        "id_token": id_token,
    });
    Answer::Json(200, tokens.to_string())
}

pub(crate) fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A key made of a number. Its own is made of 1.
pub(crate) fn key(seed: u8) -> CoreEdDsaPrivateSigningKey {
    // RFC 8410, section 7: what comes before the 32 bytes of an Ed25519 key in PKCS #8.
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend([seed; 32]);
    let (kind, body) = ("PRIVATE KEY", BASE64_STANDARD.encode(der));
    let pem = format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n");
    let kid = Some(JsonWebKeyId::new("1".to_owned()));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, kid).unwrap()
}

pub(crate) fn key_set(keys: &[CoreEdDsaPrivateSigningKey]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(PrivateSigningKey::as_verification_key)
        .collect();
    json!({ "keys": keys }).to_string()
}

fn parts(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64.encode(part.to_string()));
    format!("{header}.{claims}")
}

pub(crate) fn signed(header: &Value, claims: &Value, seed: u8) -> String {
    let parts = parts(header, claims);
    let signature = key(seed).sign(&CoreJwsSigningAlgorithm::EdDsa, parts.as_bytes());
    format!("{parts}.{}", BASE64.encode(signature.unwrap()))
}

pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", parts(header, claims))
}

/// Signed with a secret that is none.
pub(crate) fn hmac(claims: &Value, secret: impl Into<Vec<u8>>) -> String {
    let parts = parts(&json!({"alg": "HS256", "kid": "1"}), claims);
    let signature = CoreHmacKey::new(secret.into())
        .sign(&CoreJwsSigningAlgorithm::HmacSha256, parts.as_bytes());
    format!("{parts}.{}", BASE64.encode(signature.unwrap()))
}
