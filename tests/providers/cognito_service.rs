//! `CognitoProvider`: each challenge can be answered, or is named as one that cannot; which requests
//! are sent again; and what is shown of a refusal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::{
    Answer, AuthClient, Challenge, ConfirmSignInError, FirstFactor, MfaMethod, ProviderError,
    ProviderErrorKind, SessionError, SignInError, SignInStep, SignOutScope, SignUpError,
    SignUpStep,
};

type Client = AuthClient<CognitoProvider>;

/// A service that answers each call by its name, how often it came before, and its body; and the
/// calls that have come.
pub(crate) struct Service {
    pub(crate) address: String,
    pub(crate) calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Service {
    pub(crate) fn start(answer: fn(&str, usize, &Value) -> (u16, Value)) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    fn on(listener: TcpListener, answer: fn(&str, usize, &Value) -> (u16, Value)) -> Self {
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let log = Arc::clone(&calls);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut length, mut name) = (0, String::new());
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    let (header, value) = line.trim().split_once(": ").unwrap_or_default();
                    match &*header.to_ascii_lowercase() {
                        "content-length" => length = value.parse().unwrap(),
                        "x-amz-target" => name = value.rsplit('.').next().unwrap().into(),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let before = {
                    let calls = log.lock().unwrap();
                    calls.iter().filter(|(other, _)| *other == name).count()
                };
                let (status, reply) = answer(&name, before, &body);
                log.lock().unwrap().push((name, body));
                if status == 0 {
                    continue; // the connection is closed instead
                }
                let reply = reply.to_string();
                let length = reply.len();
                let head = format!("HTTP/1.1 {status} S\r\nContent-Length: {length}\r\n");
                let rest = "Content-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n";
                let _ = write!(stream, "{head}{rest}{reply}");
            }
        });
        Self { address, calls }
    }

    pub(crate) fn client(&self, flow: CognitoFlow) -> Client {
        let provider = CognitoProvider::builder()
            .region("eu-central-1")
            .user_pool_id("eu-central-1_Example")
            .client_id("app")
            .endpoint(&*self.address)
            .flow(flow)
            .build();
        AuthClient::new(Hub::new(), provider).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The name and the responses of the last challenge that was answered.
    fn answered(&self) -> (String, Value) {
        let calls = self.calls.lock().unwrap();
        let mut calls = calls.iter().rev();
        let (_, body) = calls
            .find(|(name, _)| name == "RespondToAuthChallenge")
            .unwrap();
        let name = body["ChallengeName"].as_str().unwrap().to_owned();
        (name, body["ChallengeResponses"].clone())
    }
}

fn jwt(claims: &Value) -> String {
    format!("e30.{}.x", BASE64.encode(claims.to_string()))
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// The id token lasts two hours.
pub(crate) fn result() -> Value {
    let claims = json!({
        "sub": "1", "cognito:username": "ada", "iat": now(), "exp": now() + 7200,
    });
    json!({
        "AccessToken": "access", "IdToken": jwt(&claims), "RefreshToken": "refresh",
        "ExpiresIn": 3600, "TokenType": "Bearer",
    })
}

pub(crate) fn tokens() -> (u16, Value) {
    (
        200,
        json!({ "AuthenticationResult": result(), "ChallengeParameters": {} }),
    )
}

pub(crate) fn challenge(name: &str, parameters: &Value) -> (u16, Value) {
    (
        200,
        json!({ "ChallengeName": name, "Session": "s", "ChallengeParameters": parameters }),
    )
}

fn selection(available: &Value) -> (u16, Value) {
    (
        200,
        json!({
            "ChallengeName": "SELECT_CHALLENGE", "Session": "s", "ChallengeParameters": {},
            "AvailableChallenges": available,
        }),
    )
}

async fn sign_in(client: &Client) -> Challenge {
    match client.sign_in("ada", "correct horse").await {
        Ok(SignInStep::Challenge(challenge)) => challenge,
        other => panic!("{other:?}"),
    }
}

async fn confirm(client: &Client, answer: Answer) -> Challenge {
    match client.confirm_sign_in(answer).await {
        Ok(SignInStep::Challenge(challenge)) => challenge,
        other => panic!("{other:?}"),
    }
}

async fn is_done(client: &Client, answer: Answer) {
    let done = client.confirm_sign_in(answer).await;
    assert!(matches!(done, Ok(SignInStep::Done(_))), "{done:?}");
}

async fn refused(client: &Client) -> ProviderError {
    match client.sign_in("ada", "correct horse").await {
        Err(SignInError::Provider(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn mfa_by_email_is_set_up_with_an_address() {
    let service = Service::start(|name, before, _| match (name, before) {
        ("InitiateAuth", _) => {
            challenge("MFA_SETUP", &json!({"MFAS_CAN_SETUP": "[\"EMAIL_OTP\"]"}))
        }
        ("RespondToAuthChallenge", 0) => challenge(
            "EMAIL_OTP",
            &json!({"CODE_DELIVERY_DESTINATION": "a***@example.org"}),
        ),
        ("RespondToAuthChallenge", 1) => tokens(),
        other => panic!("{other:?}"),
    });
    let client = service.client(CognitoFlow::Password);
    assert_eq!(sign_in(&client).await, Challenge::SetUpEmail);
    let wrong = client.confirm_sign_in(Answer::Email(String::new())).await;
    assert!(
        matches!(wrong, Err(ConfirmSignInError::Input(_))),
        "{wrong:?}"
    );
    let next = confirm(&client, Answer::Email("ada@example.org".to_owned())).await;
    let destination = Some("a***@example.org".to_owned());
    assert_eq!(next, Challenge::EmailCode { destination });
    let (name, responses) = service.answered();
    assert_eq!(name, "MFA_SETUP");
    assert_eq!(responses["EMAIL"], "ada@example.org");
    is_done(&client, Answer::Code("123456".into())).await;
}

#[tokio::test]
async fn the_user_chooses_what_to_set_up() {
    let start = || {
        Service::start(|name, before, _| match (name, before) {
            ("InitiateAuth", _) => challenge(
                "MFA_SETUP",
                &json!({"MFAS_CAN_SETUP": "[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\",\"EMAIL_OTP\"]"}),
            ),
            ("AssociateSoftwareToken", _) => (200, json!({"SecretCode": "KEY", "Session": "s2"})),
            ("VerifySoftwareToken", 0) => (200, json!({"Status": "ERROR", "Session": "s2"})),
            ("VerifySoftwareToken", _) => (200, json!({"Status": "SUCCESS", "Session": "s3"})),
            ("RespondToAuthChallenge", _) => tokens(),
            other => panic!("{other:?}"),
        })
    };
    let allowed = vec![MfaMethod::Totp, MfaMethod::Email];
    let service = start();
    let client = service.client(CognitoFlow::Password);
    let asked = Challenge::SelectMfaSetUp { allowed };
    assert_eq!(sign_in(&client).await, asked);
    let totp = confirm(&client, Answer::Mfa(MfaMethod::Totp)).await;
    assert_eq!(totp, Challenge::SetUpTotp { key: "KEY".into() });
    // A status of ERROR is a code that was not accepted; it may be entered again.
    let code = || Answer::Code("123456".into());
    let wrong = client.confirm_sign_in(code()).await;
    assert!(
        matches!(&wrong, Err(ConfirmSignInError::Provider(error))
            if error.name == "SoftwareTokenNotVerified"),
        "{wrong:?}"
    );
    assert!(
        !service
            .names()
            .contains(&"RespondToAuthChallenge".to_owned())
    );
    is_done(&client, code()).await;

    let service = start();
    let client = service.client(CognitoFlow::Password);
    assert_eq!(sign_in(&client).await, asked);
    let email = confirm(&client, Answer::Mfa(MfaMethod::Email)).await;
    assert_eq!(email, Challenge::SetUpEmail);
    is_done(&client, Answer::Email("ada@example.org".to_owned())).await;
    assert_eq!(service.answered().1["EMAIL"], "ada@example.org");
}

#[tokio::test]
async fn a_challenge_that_cannot_be_answered_is_named_and_leads_no_further() {
    for (answer, named) in [
        (
            (|_, _, _| challenge("MFA_SETUP", &json!({"MFAS_CAN_SETUP": "[\"SMS_MFA\"]"})))
                as fn(&str, usize, &Value) -> (u16, Value),
            "SMS_MFA",
        ),
        (
            |_, _, _| challenge("DEVICE_SRP_AUTH", &json!({})),
            "DEVICE_SRP_AUTH",
        ),
        (|_, _, _| challenge("A DANCE", &json!({})), "Unnamed"),
        (
            |_, _, _| {
                challenge(
                    "SELECT_MFA_TYPE",
                    &json!({"MFAS_CAN_CHOOSE": "[\"PIGEON\"]"}),
                )
            },
            "PIGEON",
        ),
        (|_, _, _| selection(&json!(["PIGEON"])), "PIGEON"),
    ] {
        let service = Service::start(answer);
        let error = refused(&service.client(CognitoFlow::Password)).await;
        assert_eq!(error.name, "Unsupported");
        assert!(error.message.contains(named), "{named}: {error}");
        assert_eq!(service.names(), ["InitiateAuth"], "{named}");
    }
}

#[tokio::test]
async fn a_passkey_passes_through_as_json() {
    const OPTIONS: &str = r#"{"challenge":"c","rpId":"example.org"}"#;
    const CREDENTIAL: &str = r#"{"id":"x","response":{"signature":"s"}}"#;
    for by_choice in [true, false] {
        let service = Service::start(|name, _, body| {
            let asked = body["ChallengeResponses"]["ANSWER"] == "WEB_AUTHN";
            match name {
                "InitiateAuth" if body["AuthParameters"]["USERNAME"] == "ada" => {
                    selection(&json!(["WEB_AUTHN"]))
                }
                "InitiateAuth" => {
                    challenge("WEB_AUTHN", &json!({"CREDENTIAL_REQUEST_OPTIONS": OPTIONS}))
                }
                _ if asked => {
                    challenge("WEB_AUTHN", &json!({"CREDENTIAL_REQUEST_OPTIONS": OPTIONS}))
                }
                _ => tokens(),
            }
        });
        let client = service.client(CognitoFlow::Choice);
        let passkey = Challenge::Passkey {
            options: OPTIONS.to_owned(),
        };
        if by_choice {
            let step = client.sign_in_without_password("ada").await.unwrap();
            let available = vec![FirstFactor::Passkey];
            let choice = Challenge::SelectFirstFactor { available };
            assert_eq!(step, SignInStep::Challenge(choice));
            let next = confirm(&client, Answer::FirstFactor(FirstFactor::Passkey)).await;
            assert_eq!(next, passkey);
        } else {
            let step = client.sign_in_without_password("grace").await.unwrap();
            assert_eq!(step, SignInStep::Challenge(passkey));
        }
        let answer = Answer::Passkey(CREDENTIAL.into());
        assert!(!format!("{answer:?}").contains("signature"));
        is_done(&client, answer).await;
        let (name, responses) = service.answered();
        assert_eq!(
            (&*name, &responses["CREDENTIAL"]),
            ("WEB_AUTHN", &json!(CREDENTIAL))
        );
    }
}

pub(crate) fn verifier(b: &str) -> (u16, Value) {
    challenge(
        "PASSWORD_VERIFIER",
        &json!({
            "SALT": "ab12", "SECRET_BLOCK": "c2VjcmV0", "SRP_B": b,
            "USER_ID_FOR_SRP": "id-of-ada", "USERNAME": "id-of-ada",
        }),
    )
}

#[tokio::test]
async fn a_password_that_the_service_takes_by_srp_only_is_not_sent() {
    for by_choice in [true, false] {
        let service = Service::start(|name, before, body| match (name, before) {
            ("InitiateAuth", _) if body["AuthParameters"]["USERNAME"] == "ada" => {
                selection(&json!(["PASSWORD_SRP"]))
            }
            ("InitiateAuth", _) => challenge("PASSWORD_SRP", &json!({})),
            (_, 0) => verifier("123abc"),
            _ => tokens(),
        });
        let client = service.client(CognitoFlow::Choice);
        let user = if by_choice { "ada" } else { "grace" };
        let _ = client.sign_in_without_password(user).await.unwrap();
        if by_choice {
            let next = confirm(&client, Answer::FirstFactor(FirstFactor::Password)).await;
            assert_eq!(next, Challenge::Password);
        }
        is_done(&client, Answer::Password("correct horse".into())).await;
        let calls = service.calls.lock().unwrap();
        let bodies: Vec<_> = calls.iter().map(|(_, body)| body).collect();
        let begun = &bodies[1]["ChallengeResponses"];
        assert!(begun["SRP_A"].as_str().is_some_and(|a| a.len() > 700));
        assert_eq!(begun["USERNAME"], user);
        if by_choice {
            assert_eq!(bodies[1]["ChallengeName"], "SELECT_CHALLENGE");
            assert_eq!(begun["ANSWER"], "PASSWORD_SRP");
        } else {
            assert_eq!(bodies[1]["ChallengeName"], "PASSWORD_SRP");
        }
        assert_eq!(bodies[2]["ChallengeName"], "PASSWORD_VERIFIER");
        assert_eq!(bodies[2]["ChallengeResponses"]["USERNAME"], "id-of-ada");
        for body in bodies {
            assert!(!body.to_string().contains("correct horse"), "{body}");
        }
    }
}

/// RFC 5054, section 2.5.4.
#[tokio::test]
async fn a_public_srp_value_that_is_no_value_gets_no_proof() {
    for answer in [
        (|_, _, _| verifier("0")) as fn(&str, usize, &Value) -> (u16, Value),
        |_, _, _| verifier(""),
        |_, _, _| verifier(&"0".repeat(768)),
        |_, _, _| verifier(&"F".repeat(768)),
        |_, _, _| verifier("no number"),
    ] {
        let service = Service::start(answer);
        let error = refused(&service.client(CognitoFlow::Srp)).await;
        assert!(error.message.contains("SRP"), "{error}");
        assert_eq!(service.names(), ["InitiateAuth"]);
    }
}

#[tokio::test]
async fn a_lifetime_that_is_not_said_is_that_of_the_tokens() {
    let hour = Duration::from_secs(60 * 60);
    for (answer, lifetime) in [
        (
            (|_, _, _| tokens()) as fn(&str, usize, &Value) -> (u16, Value),
            hour,
        ),
        (
            |_, _, _| {
                let mut result = result();
                result.as_object_mut().unwrap().remove("ExpiresIn");
                (200, json!({ "AuthenticationResult": result }))
            },
            2 * hour,
        ),
        (
            |_, _, _| {
                let mut result = result();
                result["ExpiresIn"] = json!(0);
                let claims = json!({"sub": "1", "iat": now(), "exp": now() + 1800});
                result["AccessToken"] = json!(jwt(&claims));
                (200, json!({ "AuthenticationResult": result }))
            },
            hour / 2,
        ),
    ] {
        let service = Service::start(answer);
        let client = service.client(CognitoFlow::Password);
        let _ = client.sign_in("ada", "correct horse").await.unwrap();
        let tokens = client.session().await.unwrap().unwrap().tokens;
        let said = tokens.expires_at.duration_since(tokens.received_at);
        assert_eq!(said.unwrap(), lifetime);
        assert_eq!(service.names(), ["InitiateAuth"], "no refresh is needed");
    }
}

#[tokio::test]
async fn the_message_of_a_refusal_does_not_depend_on_the_password() {
    for password in ["nothing of it", "password", "or", "user", "i", "."] {
        let service = Service::start(|_, _, _| {
            (
                400,
                json!({
                    "__type": "NotAuthorizedException",
                    "message": "Incorrect username or password.",
                }),
            )
        });
        let client = service.client(CognitoFlow::Password);
        let error = client.sign_in("ada", password).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "not signed in: Incorrect username or password. (NotAuthorizedException)",
            "{password}"
        );
    }
}

#[tokio::test]
async fn a_message_that_repeats_what_was_sent_is_shown_without_it() {
    let service = Service::start(|name, _, body| match name {
        "InitiateAuth" => {
            let password = body["AuthParameters"]["PASSWORD"].as_str().unwrap();
            let message = format!("PreAuthentication failed: '{password}' is not {password}");
            let error = json!({"__type": "UserLambdaValidationException", "message": message});
            (400, error)
        }
        _ => tokens(),
    });
    let error = refused(&service.client(CognitoFlow::Password)).await;
    assert_eq!(error.message, "PreAuthentication failed: '…' is not …");
}

/// The access token lasts less than is needed, as after an hour.
#[tokio::test]
async fn f21_an_expired_access_token_is_renewed_before_the_sign_out_everywhere() {
    let service = Service::start(|name, _, _| match name {
        "InitiateAuth" => {
            let mut result = result();
            result["ExpiresIn"] = json!(1);
            (200, json!({ "AuthenticationResult": result }))
        }
        "GetTokensFromRefreshToken" => {
            let mut result = result();
            result["AccessToken"] = json!("renewed");
            (200, json!({ "AuthenticationResult": result }))
        }
        _ => (200, json!({})),
    });
    let client = service.client(CognitoFlow::Password);
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    let out = client.sign_out(SignOutScope::Everywhere).await.unwrap();
    assert_eq!(out.not_revoked, None);
    let called = ["InitiateAuth", "GetTokensFromRefreshToken", "GlobalSignOut"];
    assert_eq!(service.names(), called);
    let calls = service.calls.lock().unwrap();
    assert_eq!(calls[2].1["AccessToken"], "renewed");
}

/// The service has replaced the refresh token in an answer that cannot be read otherwise.
#[tokio::test]
async fn f15_a_refresh_token_that_was_replaced_is_kept() {
    let service = Service::start(|name, before, _| match (name, before) {
        ("InitiateAuth", _) => tokens(),
        (_, 0) => {
            let result = json!({"AccessToken": "a", "IdToken": "none", "RefreshToken": "second"});
            (200, json!({ "AuthenticationResult": result }))
        }
        _ => tokens(),
    });
    let client = service.client(CognitoFlow::Password);
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    let kept = client.refresh().await;
    assert!(
        matches!(kept, Err(SessionError::Unreachable(_))),
        "{kept:?}"
    );
    client.refresh().await.unwrap();
    let calls = service.calls.lock().unwrap();
    assert_eq!(calls[1].1["RefreshToken"], "refresh");
    assert_eq!(calls[2].1["RefreshToken"], "second");
}

/// A request that certainly had no effect is sent again, up to twice.
#[tokio::test]
async fn a_request_that_had_no_effect_is_sent_again() {
    fn busy(before: usize, times: usize) -> Option<(u16, Value)> {
        let throttled = json!({"__type": "TooManyRequestsException", "message": "slow down"});
        let answers = [(503, json!({})), (429, json!({})), (400, throttled)];
        (before < times).then(|| answers[before % answers.len()].clone())
    }
    for (answer, is_done) in [
        (
            (|_, before, _| busy(before, 2).unwrap_or_else(tokens))
                as fn(&str, usize, &Value) -> (u16, Value),
            true,
        ),
        (
            |_, before, _| busy(before + 1, 3).unwrap_or_else(tokens),
            true,
        ),
        (|_, before, _| busy(before, 3).unwrap_or_else(tokens), false),
    ] {
        let service = Service::start(answer);
        let client = service.client(CognitoFlow::Password);
        let step = client.sign_in("ada", "correct horse").await;
        assert_eq!(step.is_ok(), is_done, "{step:?}");
        assert_eq!(service.names().len(), 3);
    }
}

/// The service comes up between two attempts.
#[tokio::test]
async fn a_request_without_a_connection_is_sent_again() {
    // An address of no other test, where it is one: the port is free for a moment.
    let this_machine = if cfg!(target_os = "linux") {
        "127.0.0.2:0"
    } else {
        "127.0.0.1:0"
    };
    let listener = TcpListener::bind(this_machine).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let service = Service {
        address: format!("http://{address}"),
        calls: Arc::default(),
    };
    let client = service.client(CognitoFlow::Password);
    let attempts = tokio::spawn(async move { client.sign_in("ada", "correct horse").await });
    tokio::time::sleep(Duration::from_millis(5)).await;
    let service = Service::on(TcpListener::bind(address).unwrap(), |_, _, _| tokens());
    let step = attempts.await.unwrap();
    assert!(matches!(step, Ok(SignInStep::Done(_))), "{step:?}");
    assert_eq!(service.names(), ["InitiateAuth"]);
}

/// A name that is not found leads to no connection either. It tells by the pauses between attempts,
/// which are at random.
#[tokio::test]
async fn a_request_to_a_name_that_is_not_found_is_sent_again() {
    let since = Instant::now();
    for _ in 0..4 {
        let service = Service {
            address: "https://cognito.typed-hub.invalid".to_owned(),
            calls: Arc::default(),
        };
        let client = service.client(CognitoFlow::Password);
        let failed = client.sign_in("ada", "correct horse").await;
        assert!(
            matches!(&failed, Err(SignInError::Provider(why)) if why.name == "NameNotFound"),
            "{failed:?}"
        );
    }
    assert!(since.elapsed() > Duration::from_millis(150));
}

/// The service may have acted: a refresh may have replaced the refresh token.
#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_not_sent_again() {
    for answer in [
        (|name, _, _| match name {
            "InitiateAuth" => tokens(),
            _ => (500, json!({"__type": "InternalErrorException"})),
        }) as fn(&str, usize, &Value) -> (u16, Value),
        |name, _, _| match name {
            "InitiateAuth" => tokens(),
            _ => (504, json!({})),
        },
        |name, _, _| match name {
            "InitiateAuth" => tokens(),
            _ => (0, json!({})), // the connection is closed in place of an answer
        },
        |name, _, _| match name {
            "InitiateAuth" => tokens(),
            _ => (400, json!({"__type": "NotAuthorizedException"})),
        },
    ] {
        let service = Service::start(answer);
        let client = service.client(CognitoFlow::Password);
        let _ = client.sign_in("ada", "correct horse").await.unwrap();
        let failed = client.refresh().await;
        assert!(!matches!(failed, Ok(Some(_))), "{failed:?}");
        assert_eq!(service.names().len(), 2, "{failed:?}");
    }
}

/// What the service says of where a code went, or must be filled in, is shown to the user.
#[tokio::test]
async fn what_a_challenge_shows_deceives_nobody() {
    const DECEIVING: &str = "a\u{1b}[2Kb\n\u{202e}c";
    let destination = |said: &str| {
        let service = Service::start(|_, _, body| {
            let said = &body["AuthParameters"]["USERNAME"];
            challenge("SMS_MFA", &json!({"CODE_DELIVERY_DESTINATION": said}))
        });
        let (client, said) = (service.client(CognitoFlow::Password), said.to_owned());
        async move {
            match client.sign_in(&said, "correct horse").await {
                Ok(SignInStep::Challenge(Challenge::SmsCode { destination })) => destination,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(destination("+*******1234").await.unwrap(), "+*******1234");
    assert_eq!(destination(DECEIVING).await.unwrap(), "a [2Kb  c");
    assert_eq!(destination(&"x".repeat(1_000)).await.unwrap().len(), 256);
    assert_eq!(destination("\u{200b}").await, None);

    let service = Service::start(|_, _, _| {
        let missing = json!([
            "userAttributes.name",
            DECEIVING,
            "",
            "userAttributes.custom:größe"
        ]);
        let parameters = json!({"requiredAttributes": missing.to_string()});
        challenge("NEW_PASSWORD_REQUIRED", &parameters)
    });
    let asked = sign_in(&service.client(CognitoFlow::Password)).await;
    let missing_attributes = vec!["name".to_owned(), "custom:größe".to_owned()];
    assert_eq!(asked, Challenge::NewPassword { missing_attributes });

    let service = Service::start(|name, _, _| match name {
        "InitiateAuth" => challenge("MFA_SETUP", &json!({})),
        _ => (200, json!({"SecretCode": DECEIVING, "Session": "s2"})),
    });
    let error = refused(&service.client(CognitoFlow::Password)).await;
    assert!(error.message.contains("no key"), "{error}");

    let service = Service::start(|_, _, _| {
        let sent = json!({"Destination": DECEIVING, "DeliveryMedium": "SMS"});
        (200, json!({"CodeDeliveryDetails": sent, "UserSub": "1"}))
    });
    let client = service.client(CognitoFlow::Password);
    let shown = Some("a [2Kb  c".to_owned());
    assert_eq!(client.reset_password("ada").await, Ok(shown.clone()));
    let confirm = SignUpStep::Confirm { destination: shown };
    let resent = client.resend_sign_up_code("ada").await;
    assert_eq!(resent, Ok(confirm.clone()));
    let signed_up = client.sign_up("ada", "correct horse", [].into()).await;
    assert_eq!(signed_up, Ok(confirm));
}

#[tokio::test]
async fn what_is_not_offered_cannot_be_chosen() {
    let service = Service::start(|_, _, _| selection(&json!(["EMAIL_OTP"])));
    let client = service.client(CognitoFlow::Choice);
    let _ = client.sign_in_without_password("ada").await.unwrap();
    let unfit = client.confirm_sign_in(Answer::FirstFactor(FirstFactor::Password));
    assert_eq!(unfit.await, Err(ConfirmSignInError::UnfittingAnswer));

    for (name, list) in [
        ("SELECT_MFA_TYPE", "MFAS_CAN_CHOOSE"),
        ("MFA_SETUP", "MFAS_CAN_SETUP"),
    ] {
        let service = Service::start(|_, _, body| {
            let name = body["AuthParameters"]["USERNAME"].as_str().unwrap();
            let (name, list) = name.split_once(' ').unwrap();
            challenge(
                name,
                &json!({list: "[\"SOFTWARE_TOKEN_MFA\",\"EMAIL_OTP\"]"}),
            )
        });
        let client = service.client(CognitoFlow::Password);
        let user = format!("{name} {list}");
        let _ = client.sign_in(&user, "correct horse").await.unwrap();
        let unfit = client.confirm_sign_in(Answer::Mfa(MfaMethod::Sms)).await;
        assert_eq!(unfit, Err(ConfirmSignInError::UnfittingAnswer));
        assert_eq!(service.names(), ["InitiateAuth"], "{name}");
    }
}

/// A wrong set-up is told from a wrong password, which the user can correct.
#[tokio::test]
async fn a_pool_that_is_set_up_otherwise_is_a_wrong_set_up_at_a_sign_in_too() {
    use ProviderErrorKind::{InTransit, Misconfigured, NotAuthorized, Rejected};
    for (name, kind) in [
        ("ResourceNotFoundException", Misconfigured),
        ("InvalidParameterException", Misconfigured), // the flow is not enabled
        ("InvalidUserPoolConfigurationException", Misconfigured),
        ("UnsupportedOperationException", Misconfigured),
        ("NotAuthorizedException", NotAuthorized),
        ("UserNotFoundException", Rejected),
        ("UserLambdaValidationException", Rejected),
        ("TooManyRequestsException", InTransit),
    ] {
        let service = Service::start(|_, _, body| {
            let name = &body["AuthParameters"]["USERNAME"];
            (400, json!({"__type": name, "message": "why"}))
        });
        let client = service.client(CognitoFlow::Password);
        match client.sign_in(name, "correct horse").await {
            Err(SignInError::Provider(error)) => assert_eq!(error.kind, kind, "{name}"),
            other => panic!("{other:?}"),
        }
    }
    // Here the user has entered it.
    let service = Service::start(|_, _, _| (400, json!({"__type": "InvalidParameterException"})));
    let client = service.client(CognitoFlow::Password);
    let refused = client.sign_up("ada", "correct horse", [].into()).await;
    assert!(
        matches!(&refused, Err(SignUpError::Provider(error)) if error.kind == Rejected),
        "{refused:?}"
    );
}
