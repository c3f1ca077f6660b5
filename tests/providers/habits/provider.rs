//! A provider that does as its script says, on a loopback address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::keys::Key;

pub(crate) const CLIENT: &str = "app";

/// What becomes of a request in place of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// The provider does nothing, and says so, and perhaps when to come back.
    Status(u16, Option<&'static str>),
    /// The provider does what is asked, and half of its answer comes through.
    Cut,
    /// The provider does what is asked, and closes the connection.
    Closed,
}

/// What the provider answers. The bodies are JSON that may be changed as a value, and then as text.
pub(crate) struct Script {
    pub(crate) origin: String,
    /// The path of the discovery document.
    pub(crate) at: String,
    pub(crate) document: Value,
    pub(crate) keys: Value,
    pub(crate) header: Value,
    /// Of the id token. A text `{nonce}` stands for the nonce of the request.
    pub(crate) claims: Value,
    /// Of the token endpoint. A text `{id_token}` stands for the id token.
    pub(crate) answer: Value,
    pub(crate) userinfo: Value,
    pub(crate) signs_with: Key,
    /// The status and the body by which the token endpoint refuses, if it does.
    pub(crate) refusal: Option<(u16, &'static str)>,
    pub(crate) content_type: &'static str,
    pub(crate) claims_as_text: fn(String) -> Vec<u8>,
    pub(crate) body_as_text: fn(String) -> String,
    pub(crate) token_as_text: fn(String) -> String,
    /// What the callback carries beside code and state.
    pub(crate) callback: String,
    /// How long each answer takes.
    pub(crate) takes: Duration,
    /// What becomes of the next requests to a path.
    failures: Vec<(&'static str, Failure)>,
    is_stopped: bool,
    nonce: String,
    requests: Vec<Request>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    body: String,
}

impl Request {
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut fields = url::form_urlencoded::parse(self.body.as_bytes());
        let found = fields.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}

impl Script {
    /// A provider without any habit.
    fn plain(origin: &str) -> Self {
        let now = now();
        let key = Key::Edwards(1);
        Self {
            origin: origin.to_owned(),
            at: "/.well-known/openid-configuration".to_owned(),
            document: json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/authorize"),
                "token_endpoint": format!("{origin}/token"),
                "userinfo_endpoint": format!("{origin}/userinfo"),
                "revocation_endpoint": format!("{origin}/revoke"),
                "end_session_endpoint": format!("{origin}/end"),
                "jwks_uri": format!("{origin}/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }),
            keys: json!({"keys": [key.shown("1")]}),
            header: json!({"alg": "EdDSA", "kid": "1"}),
            claims: json!({
                "iss": origin,
                "sub": "sub-of-ada",
                "aud": CLIENT,
                "nonce": "{nonce}",
                "iat": now,
                "exp": now + 1800,
            }),
            answer: json!({
                "access_token": "access-1",
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": "refresh-1",
                "id_token": "{id_token}",
            }),
            userinfo: json!({"sub": "sub-of-ada"}),
            signs_with: key,
            refusal: None,
            content_type: "application/json",
            claims_as_text: String::into_bytes,
            body_as_text: |body| body,
            token_as_text: |token| token,
            callback: String::new(),
            takes: Duration::ZERO,
            failures: Vec::new(),
            is_stopped: false,
            nonce: String::new(),
            requests: Vec::new(),
        }
    }

    /// Signs by this algorithm, and shows the key.
    pub(crate) fn sign_by(&mut self, algorithm: &str, key: Key) {
        self.signs_with = key;
        self.header["alg"] = algorithm.into();
        self.keys = json!({"keys": [key.shown("1")]});
    }

    /// Fails the next requests to this path, in this order.
    pub(crate) fn fail(&mut self, path: &'static str, how: &[Failure]) {
        self.failures.extend(how.iter().map(|how| (path, *how)));
    }

    fn next_failure(&mut self, path: &str) -> Option<Failure> {
        let next = self.failures.iter().position(|(of, _)| *of == path)?;
        Some(self.failures.remove(next).1)
    }

    /// The requests to this path so far.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.iter().filter(|request| request.path == path);
        requests.cloned().collect()
    }

    fn id_token(&self) -> String {
        let claims = self.claims.to_string().replace("{nonce}", &self.nonce);
        let claims = (self.claims_as_text)(claims);
        let [header, claims] = [self.header.to_string().into_bytes(), claims];
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let algorithm = self.header["alg"].as_str().unwrap_or_default();
        let signature = self.signs_with.sign(algorithm, message.as_bytes());
        (self.token_as_text)(format!("{message}.{}", BASE64.encode(signature)))
    }

    fn answer(&mut self, request: Request) -> (u16, String) {
        let path = request.path.clone();
        self.requests.push(request);
        let body = match &*path {
            "/keys" => &self.keys,
            "/userinfo" => &self.userinfo,
            "/revoke" => return (200, String::new()),
            "/token" => {
                if let Some((status, body)) = self.refusal {
                    return (status, body.to_owned());
                }
                let answer = self.answer.to_string();
                let answer = answer.replace("{id_token}", &self.id_token());
                return (200, (self.body_as_text)(answer));
            }
            path if path == self.at => &self.document,
            _ => return (404, String::new()),
        };
        (200, (self.body_as_text)(body.to_string()))
    }
}

pub(crate) struct Provider {
    pub(crate) origin: String,
    script: Arc<Mutex<Script>>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::plain(&origin)));
        let server = Mutex::new(Some(serve_all(listener, Arc::clone(&script))));
        Self {
            origin,
            script,
            server,
        }
    }

    /// From here on, nothing listens at its address.
    pub(crate) fn stop(&self) {
        self.script().is_stopped = true;
        TcpStream::connect(self.address()).unwrap();
        let server = self.server.lock().unwrap().take();
        server.unwrap().join().unwrap();
    }

    pub(crate) fn restart(&self) {
        self.script().is_stopped = false;
        let listener = TcpListener::bind(self.address()).unwrap();
        let server = serve_all(listener, Arc::clone(&self.script));
        *self.server.lock().unwrap() = Some(server);
    }

    fn address(&self) -> &str {
        self.origin.strip_prefix("http://").unwrap()
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// The callback of a user who has signed in on this page.
    pub(crate) fn visit(&self, page: &url::Url) -> String {
        let parameter = |name: &str| {
            let found = page.query_pairs().find(|(key, _)| key == name);
            found.unwrap().1.into_owned()
        };
        let mut script = self.script();
        script.nonce = parameter("nonce");
        let (back, state) = (parameter("redirect_uri"), parameter("state"));
        format!("{back}?code=the-code&state={state}{}", script.callback)
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// It ends when it is stopped, or with the process.
fn serve_all(listener: TcpListener, script: Arc<Mutex<Script>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if script.lock().unwrap().is_stopped {
                break;
            }
            serve(stream, &script);
        }
    })
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
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
        path,
        authorization,
        body: String::from_utf8(body).unwrap(),
    };
    let takes = script.lock().unwrap().takes;
    thread::sleep(takes);
    let mut script = script.lock().unwrap();
    let failure = script.next_failure(&request.path);
    let mut retry_after = String::new();
    let (status, answer) = match failure {
        Some(Failure::Status(status, asked)) => {
            script.requests.push(request);
            retry_after =
                asked.map_or_else(String::new, |asked| format!("retry-after: {asked}\r\n"));
            (status, String::new())
        }
        Some(Failure::Cut | Failure::Closed) | None => script.answer(request),
    };
    let (kind, length) = (script.content_type, answer.len());
    let sent = match failure {
        Some(Failure::Closed) => return,
        Some(Failure::Cut) => &answer[..length / 2],
        _ => &answer,
    };
    let head = format!("HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\n{retry_after}");
    let rest = format!("content-length: {length}\r\nconnection: close\r\n\r\n{sent}");
    let _ = write!(stream, "{head}{rest}");
}
