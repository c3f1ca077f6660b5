//! An OpenID provider that does as the test says, on a loopback address.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{
    Audience, EmptyAdditionalClaims, IssuerUrl, JsonWebKeyId, Nonce, PrivateSigningKey,
    StandardClaims, SubjectIdentifier,
};
use serde_json::json;
use typed_hub::auth::AuthorizeUrl;
use url::Url;

pub const CLIENT: &str = "app";
pub const BACK: &str = "http://127.0.0.1:49152/callback";

pub struct Server {
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

/// What it does when asked.
pub struct State {
    issuer: String,
    /// Whether its keys can be had.
    pub shows_keys: bool,
    /// The keys it shows, by number.
    pub shown: Vec<u8>,
    /// The key it signs with.
    pub signs_with: u8,
    pub subject: &'static str,
    pub nonce: Option<String>,
    pub issues_id_tokens: bool,
    /// When it says that it has issued an id token.
    pub issued_at: SystemTime,
    pub lifetime: Duration,
    /// The status and the body with which the token endpoint refuses, if it does. `{secret}` is the
    /// code or the refresh token it was sent, `{verifier}` the verifier.
    pub refuses: Option<(u16, String)>,
    pub says_issuer: bool,
    refresh_tokens: u32,
    requests: Vec<Request>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = url::form_urlencoded::parse(self.body.as_bytes());
        let found = fields.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            issuer: issuer.clone(),
            shows_keys: true,
            shown: vec![1],
            signs_with: 1,
            subject: "ada",
            nonce: None,
            issues_id_tokens: true,
            issued_at: SystemTime::now(),
            lifetime: Duration::from_secs(60 * 60),
            refuses: None,
            says_issuer: false,
            refresh_tokens: 0,
            requests: Vec::new(),
        }));
        {
            let state = Arc::clone(&state);
            // It ends with the process.
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    serve(stream, &state);
                }
            });
        }
        Self { issuer, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The requests to this path so far.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let state = self.state();
        let requests = state.requests.iter();
        requests
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// The callback of a user who has signed in on this page.
    pub fn visit(&self, page: &AuthorizeUrl) -> String {
        let page = Url::parse(page.as_str()).unwrap();
        let parameter = |name: &str| {
            let found = page.query_pairs().find(|(key, _)| key == name);
            found.unwrap().1.into_owned()
        };
        self.state().nonce = Some(parameter("nonce"));
        let mut callback = Url::parse(&parameter("redirect_uri")).unwrap();
        callback
            .query_pairs_mut()
            .append_pair("code", "the-code-of-the-stub")
            .append_pair("state", &parameter("state"));
        callback.into()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = Request {
        path: path.clone(),
        authorization,
        body: String::from_utf8(body).unwrap(),
    };
    let (status, answer) = state.lock().unwrap().answer(request);
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

impl State {
    fn answer(&mut self, request: Request) -> (u16, String) {
        let path = request.path.clone();
        self.requests.push(request);
        let issuer = &self.issuer;
        match &*path {
            "/.well-known/openid-configuration" => {
                let document = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "revocation_endpoint": format!("{issuer}/revoke"),
                    "end_session_endpoint": format!("{issuer}/end"),
                    "jwks_uri": format!("{issuer}/keys"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["EdDSA"],
                    "authorization_response_iss_parameter_supported": self.says_issuer,
                });
                (200, document.to_string())
            }
            "/keys" if self.shows_keys => {
                let shown = self.shown.iter();
                let keys = shown.map(|&number| key(number).as_verification_key());
                let keys = CoreJsonWebKeySet::new(keys.collect());
                (200, serde_json::to_string(&keys).unwrap())
            }
            "/token" => match self.refuses.clone() {
                Some((status, body)) => {
                    let sent = self.requests.last().unwrap();
                    let secret = sent.field("code").or_else(|| sent.field("refresh_token"));
                    let verifier = sent.field("code_verifier").unwrap_or_default();
                    let body = body.replace("{secret}", &secret.unwrap());
                    (status, body.replace("{verifier}", &verifier))
                }
                None => (200, self.tokens()),
            },
            "/revoke" => (200, String::new()),
            _ => (503, String::new()),
        }
    }

    fn tokens(&mut self) -> String {
        self.refresh_tokens += 1;
        let mut tokens = json!({
            "access_token": "access",
            "token_type": "Bearer",
            "expires_in": self.lifetime.as_secs(),
            "refresh_token": format!("refresh-{}", self.refresh_tokens),
        });
        if self.issues_id_tokens {
            tokens["id_token"] = self.id_token().into();
        }
        tokens.to_string()
    }

    fn id_token(&self) -> String {
        let claims = CoreIdTokenClaims::new(
            IssuerUrl::new(self.issuer.clone()).unwrap(),
            vec![Audience::new(CLIENT.to_owned())],
            (self.issued_at + self.lifetime).into(),
            self.issued_at.into(),
            StandardClaims::new(SubjectIdentifier::new(self.subject.to_owned())),
            EmptyAdditionalClaims {},
        )
        .set_nonce(self.nonce.clone().map(Nonce::new));
        let key = key(self.signs_with);
        let algorithm = CoreJwsSigningAlgorithm::EdDsa;
        let token = CoreIdToken::new(claims, &key, algorithm, None, None);
        token.unwrap().to_string()
    }
}

/// An Ed25519 key (RFC 8410, section 7) whose bytes are all this number.
fn key(number: u8) -> CoreEdDsaPrivateSigningKey {
    let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let der = [&prefix[..], &[number; 32]].concat();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    );
    let id = JsonWebKeyId::new(number.to_string());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).unwrap()
}
