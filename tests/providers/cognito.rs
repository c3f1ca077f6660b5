//! `CognitoProvider` with a service that does as the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{Answer, AuthClient, Challenge, RedirectError, SignInStep};

const POOL: &str = "eu-central-1_Example";

/// A service that answers the calls in order, with these statuses and bodies.
fn service(answers: &'static [(u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // It ends with its answers, or with the process.
    thread::spawn(move || {
        for &(status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let length = answer.len();
            let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n");
            let rest = "Content-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n";
            let _ = write!(stream, "{head}{rest}{answer}");
        }
    });
    address
}

#[tokio::test]
async fn what_stops_a_sign_in_is_a_challenge_also_after_an_answer() {
    const ASKED: (u16, &str) = (
        200,
        r#"{"ChallengeName":"SMS_MFA","Session":"s","ChallengeParameters":{}}"#,
    );
    for (service, challenge) in [
        (
            service(&[
                ASKED,
                (400, r#"{"__type":"PasswordResetRequiredException"}"#),
            ]),
            Challenge::ResetPassword,
        ),
        (
            service(&[ASKED, (400, r#"{"__type":"UserNotConfirmedException"}"#)]),
            Challenge::ConfirmSignUp,
        ),
    ] {
        let provider = CognitoProvider::builder()
            .region("eu-central-1")
            .user_pool_id(POOL)
            .client_id("app")
            .endpoint(service)
            .flow(CognitoFlow::Password)
            .build();
        let client = AuthClient::new(Hub::new(), provider).unwrap();
        let step = client.sign_in("ada", "correct horse").await.unwrap();
        let destination = None;
        let asked = Challenge::SmsCode { destination };
        assert_eq!(step, SignInStep::Challenge(asked));
        let step = client.confirm_sign_in(Answer::Code("123456".into())).await;
        assert_eq!(step, Ok(SignInStep::Challenge(challenge)));
    }
}

#[tokio::test]
async fn a_domain_that_is_no_url_is_said_to_be_none() {
    for domain in [
        "example.auth.eu-central-1.amazoncognito.com",
        "localhost:80",
    ] {
        let provider = CognitoProvider::builder()
            .region("eu-central-1")
            .user_pool_id(POOL)
            .client_id("app")
            .domain(domain)
            .redirect_uris(["app://back"])
            .build();
        let client = AuthClient::new(Hub::new(), provider).unwrap();
        let options = RedirectOptions::builder().redirect_uri("app://back");
        let refused = client.sign_in_with_redirect(options.build()).await;
        let Err(RedirectError::Provider(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.message.contains("begin it with https://"), "{why}");
    }
}
