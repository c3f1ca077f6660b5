//! `CognitoProvider`: its options, and those of one sign-in.

use std::time::Duration;

use serde_json::{Value, json};
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    Answer, AuthClient, AuthFlowType, Challenge, FirstFactor, ProviderError, ProviderErrorKind,
    RedirectError, SessionError, SignInError, SignInRequest, SignInStep,
};

use crate::closed::Closed;
use crate::cognito_service::{Service, challenge, result, tokens, verifier};

/// The options of a provider, and those of this test.
macro_rules! pool {
    ($($option:ident = $value:expr),* $(,)?) => {
        CognitoProvider::builder()
            .user_pool_id("eu-central-1_Example")
            .client_id("app")
            .time_limit(Duration::from_secs(10))
            $(.$option($value))*
            .build()
    };
}

fn client(provider: CognitoProvider) -> AuthClient<CognitoProvider> {
    AuthClient::new(Hub::new(), provider).unwrap()
}

async fn refused(provider: CognitoProvider) -> ProviderError {
    match client(provider).sign_in("ada", "correct horse").await {
        Err(SignInError::Provider(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The details of a user who has signed in: the name, and the way.
async fn details(client: &AuthClient<CognitoProvider>) -> (String, AuthFlowType) {
    let user = client.current_user().await.unwrap().unwrap();
    let details = user.sign_in_details.unwrap();
    (details.login_id, details.auth_flow_type)
}

fn proof_or_tokens(name: &str, _: usize, body: &Value) -> (u16, Value) {
    if name == "InitiateAuth" && body["AuthParameters"]["SRP_A"].is_string() {
        return verifier("123abc");
    }
    tokens()
}

#[tokio::test]
async fn the_way_of_signing_in_is_that_of_the_sign_in_or_else_of_the_provider() {
    use AuthFlowType::{CustomWithSrp, CustomWithoutSrp, User, UserPassword, UserSrp};
    for (of_provider, of_sign_in, has_password, flow, sent) in [
        (CognitoFlow::Srp, None, true, UserSrp, "USER_SRP_AUTH"),
        (
            CognitoFlow::Password,
            None,
            true,
            UserPassword,
            "USER_PASSWORD_AUTH",
        ),
        (
            CognitoFlow::Custom,
            None,
            true,
            CustomWithSrp,
            "CUSTOM_AUTH",
        ),
        (
            CognitoFlow::Custom,
            None,
            false,
            CustomWithoutSrp,
            "CUSTOM_AUTH",
        ),
        (CognitoFlow::Choice, None, true, User, "USER_AUTH"),
        (CognitoFlow::Choice, None, false, User, "USER_AUTH"),
        (
            CognitoFlow::Password,
            Some(UserSrp),
            true,
            UserSrp,
            "USER_SRP_AUTH",
        ),
        (
            CognitoFlow::Srp,
            Some(CustomWithoutSrp),
            true,
            CustomWithoutSrp,
            "CUSTOM_AUTH",
        ),
        (CognitoFlow::Srp, Some(User), false, User, "USER_AUTH"),
    ] {
        let service = Service::start(proof_or_tokens);
        let client = service.client(of_provider);
        let mut request = SignInRequest::builder().username("ada@example.org").build();
        request.password = has_password.then(|| "correct horse".into());
        request.auth_flow = of_sign_in;
        let step = client.sign_in_with(request).await;
        assert!(matches!(step, Ok(SignInStep::Done(_))), "{step:?}");
        let expected = ("ada@example.org".to_owned(), flow);
        assert_eq!(details(&client).await, expected);

        let (_, body) = service.calls.lock().unwrap()[0].clone();
        assert_eq!(body["AuthFlow"], sent);
        let by_srp = body["AuthParameters"]["SRP_A"].is_string();
        assert_eq!(by_srp, matches!(flow, UserSrp | CustomWithSrp));
        let by_password = body["AuthParameters"]["PASSWORD"].is_string();
        assert_eq!(
            by_password,
            has_password && matches!(flow, UserPassword | User)
        );
    }
}

#[tokio::test]
async fn a_way_that_takes_a_password_is_refused_without_one() {
    for flow in [
        AuthFlowType::UserSrp,
        AuthFlowType::UserPassword,
        AuthFlowType::CustomWithSrp,
    ] {
        let service = Service::start(|_, _, _| tokens());
        let request = SignInRequest::builder().username("ada").auth_flow(flow);
        let refused = service.client(CognitoFlow::Choice);
        let refused = refused.sign_in_with(request.build()).await;
        let Err(SignInError::Provider(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
        assert!(error.message.contains(flow.as_ref()), "{error}");
        assert_eq!(service.names(), [""; 0]);
    }
}

#[tokio::test]
async fn the_details_of_a_sign_in_are_kept_from_challenge_to_challenge() {
    let service = Service::start(|_, before, body| match before {
        0 if body["ChallengeName"].is_null() => {
            challenge("SMS_MFA", &json!({"USER_ID_FOR_SRP": "id-of-ada"}))
        }
        _ => tokens(),
    });
    let client = service.client(CognitoFlow::Password);
    let step = client.sign_in("ada@example.org", "correct horse").await;
    assert!(matches!(step, Ok(SignInStep::Challenge(_))), "{step:?}");
    let done = client.confirm_sign_in(Answer::Code("123456".into())).await;
    assert!(matches!(done, Ok(SignInStep::Done(_))), "{done:?}");
    let expected = ("ada@example.org".to_owned(), AuthFlowType::UserPassword);
    assert_eq!(details(&client).await, expected);
}

#[tokio::test]
async fn a_preferred_factor_is_asked_for() {
    let preferred = |factor| {
        let request = SignInRequest::builder().username("ada");
        request.preferred_factor(factor)
    };
    for (factor, sent) in [
        (FirstFactor::EmailCode, "EMAIL_OTP"),
        (FirstFactor::SmsCode, "SMS_OTP"),
        (FirstFactor::Passkey, "WEB_AUTHN"),
    ] {
        let service = Service::start(|_, _, _| tokens());
        let client = service.client(CognitoFlow::Choice);
        let request = preferred(factor).password("correct horse").build();
        let _ = client.sign_in_with(request).await.unwrap();
        let (_, body) = service.calls.lock().unwrap()[0].clone();
        assert_eq!(body["AuthParameters"]["PREFERRED_CHALLENGE"], sent);
        assert!(!body.to_string().contains("correct horse"), "{body}");
    }
    for (flow, factor, why) in [
        (CognitoFlow::Choice, FirstFactor::Password, "no password"),
        (CognitoFlow::Srp, FirstFactor::EmailCode, "USER_AUTH"),
    ] {
        let service = Service::start(|_, _, _| tokens());
        let refused = service.client(flow);
        let refused = refused.sign_in_with(preferred(factor).build()).await;
        let Err(SignInError::Provider(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
        assert!(error.message.contains(why), "{error}");
        assert_eq!(service.names(), [""; 0]);
    }
}

#[tokio::test]
async fn metadata_is_sent_with_every_request_that_takes_it() {
    let service = Service::start(|name, _, _| match name {
        "InitiateAuth" => challenge("CUSTOM_CHALLENGE", &json!({})),
        "SignUp" => (200, json!({"UserConfirmed": true, "UserSub": "1"})),
        "RespondToAuthChallenge" => {
            let mut result = result();
            result["ExpiresIn"] = json!(1);
            (200, json!({ "AuthenticationResult": result }))
        }
        "GetTokensFromRefreshToken" => tokens(),
        _ => (200, json!({})),
    });
    let every = [("app", "desk"), ("version", "1")];
    let client = client(pool!(
        region = "eu-central-1",
        endpoint = &*service.address,
        flow = CognitoFlow::Custom,
        client_metadata = every,
    ));
    client
        .sign_up("ada", "correct horse", [].into())
        .await
        .unwrap();
    client.confirm_sign_up("ada", "123456").await.unwrap();
    client.resend_sign_up_code("ada").await.unwrap();
    client.reset_password("ada").await.unwrap();
    let reset = client.confirm_reset_password("ada", "123456", "new horse");
    reset.await.unwrap();
    let request = SignInRequest::builder()
        .username("ada")
        .client_metadata([("version", "2"), ("tenant", "t")])
        .build();
    let step = client.sign_in_with(request).await.unwrap();
    assert!(matches!(
        step,
        SignInStep::Challenge(Challenge::Custom { .. })
    ));
    let done = client.confirm_sign_in(Answer::Custom("42".into())).await;
    assert!(matches!(done, Ok(SignInStep::Done(_))), "{done:?}");
    client.session().await.unwrap().unwrap();

    let of_sign_in = json!({"app": "desk", "version": "2", "tenant": "t"});
    let of_all = json!({"app": "desk", "version": "1"});
    for (name, sent) in [
        ("SignUp", &of_all),
        ("ConfirmSignUp", &of_all),
        ("ResendConfirmationCode", &of_all),
        ("ForgotPassword", &of_all),
        ("ConfirmForgotPassword", &of_all),
        ("InitiateAuth", &of_sign_in),
        ("RespondToAuthChallenge", &of_sign_in),
        ("GetTokensFromRefreshToken", &of_all),
    ] {
        let calls = service.calls.lock().unwrap();
        let (_, body) = calls.iter().find(|(called, _)| called == name).unwrap();
        assert_eq!(&body["ClientMetadata"], sent, "{name}");
    }

    let service = Service::start(|_, _, _| tokens());
    let client = service.client(CognitoFlow::Password);
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    let (_, body) = service.calls.lock().unwrap()[0].clone();
    assert!(body["ClientMetadata"].is_null(), "{body}");
}

/// Nothing is sent in the clear but to this machine.
#[tokio::test]
async fn an_endpoint_that_is_not_secure_or_no_url_is_a_wrong_set_up() {
    for (region, endpoint, name, says) in [
        (
            "eu-central-1",
            "http://cognito.example.org",
            "NotSecure",
            "must begin with https://: http://cognito.example.org",
        ),
        (
            "eu-central-1",
            "http://127.0.0.1.example.org",
            "NotSecure",
            "https://",
        ),
        ("eu-central-1", "ftp://127.0.0.1", "NotSecure", "https://"),
        (
            "eu-central-1",
            "cognito.example.org",
            "Endpoint",
            "https://",
        ),
        ("eu central 1", "", "Endpoint", "eu-central-1"),
        ("", "", "Endpoint", "eu-central-1"),
    ] {
        let provider = pool!(region = region, endpoint = endpoint);
        let error = refused(provider).await;
        let shown = format!("{region:?} {endpoint:?}: {error:?}");
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured, "{shown}");
        assert_eq!(error.name, name, "{shown}");
        assert!(error.message.contains(says), "{shown}");
    }
}

#[tokio::test]
async fn a_domain_that_is_not_secure_is_a_wrong_set_up() {
    const BACK: &str = "app://back";
    for domain in [
        Some("http://example.auth.eu-central-1.amazoncognito.com"),
        Some("http://localhost.example.org"),
        Some("ftp://127.0.0.1"),
        Some("example.auth.eu-central-1.amazoncognito.com"),
        None,
    ] {
        let provider = match domain {
            Some(domain) => pool!(
                region = "eu-central-1",
                redirect_uris = [BACK],
                domain = domain,
            ),
            None => pool!(region = "eu-central-1", redirect_uris = [BACK]),
        };
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let refused = client(provider).sign_in_with_redirect(options).await;
        let Err(RedirectError::Provider(error)) = refused else {
            panic!("{domain:?}: {refused:?}");
        };
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured, "{error}");
        assert_eq!(error.name, "Domain");
        assert!(
            error.message.contains(domain.unwrap_or("not known")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_option_that_is_empty_is_one_that_is_not_set() {
    let service = Service::start(|_, _, _| tokens());
    let client = client(pool!(
        region = "eu-central-1",
        endpoint = &*service.address,
        flow = CognitoFlow::Password,
        client_secret = "",
        domain = "",
        logout_uri = "",
    ));
    let begun = client
        .sign_in_with_redirect(
            RedirectOptions::builder()
                .redirect_uri("http://127.0.0.1/")
                .build(),
        )
        .await;
    let error = begun.unwrap_err().to_string();
    assert!(error.contains("is not known"), "{error}");
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    let (_, body) = service.calls.lock().unwrap()[0].clone();
    assert!(body["AuthParameters"]["SECRET_HASH"].is_null(), "{body}");
}

/// As with `OidcProvider`: kind and name tell the cause, and the message the address.
#[tokio::test]
async fn why_the_service_is_not_reached_is_said() {
    let port = Closed::new();
    let closed = format!("http://{}", port.address());
    let error = refused(pool!(region = "eu-central-1", endpoint = &*closed)).await;
    assert_eq!(error.kind, ProviderErrorKind::InTransit);
    assert_eq!(error.name, "ConnectionRefused");
    assert!(error.message.contains(&closed), "{error}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let provider = CognitoProvider::builder()
        .region("eu-central-1")
        .user_pool_id("eu-central-1_Example")
        .client_id("app")
        .endpoint(&*silent)
        .time_limit(Duration::from_millis(300))
        .build();
    let error = refused(provider).await;
    assert_eq!(error.kind, ProviderErrorKind::InTransit);
    assert_eq!(error.name, "TimedOut");
    assert!(error.message.contains(&silent), "{error}");
}

/// A refresh keeps the session when the application is set up wrongly (F15).
#[tokio::test]
async fn f15_a_session_is_kept_when_the_proxy_is_none() {
    let service = Service::start(|_, _, _| tokens());
    let store = typed_hub::auth::MemoryStore::new();
    let open = |provider| {
        let client = AuthClient::builder().hub(Hub::new()).provider(provider);
        client.store(store.clone()).build().unwrap()
    };
    let first = open(pool!(
        region = "eu-central-1",
        endpoint = &*service.address,
        flow = CognitoFlow::Password,
    ));
    let _ = first.sign_in("ada", "correct horse").await.unwrap();
    drop(first);
    let second = open(pool!(region = "eu-central-1", proxy = "no proxy"));
    let failed = second.refresh().await;
    let Err(SessionError::Misconfigured(error)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(error.name, "Proxy");
    assert!(second.current_user().await.unwrap().is_some());
}

#[cfg(feature = "oidc")]
mod beside_oidc {
    use crate::habits::options::{CERTIFICATE, encrypted, proxy};
    use crate::liar::{CLIENT, Liar};
    #[cfg(feature = "tracing")]
    use crate::shown::Shown;

    use super::*;

    #[tokio::test]
    async fn a_proxy_is_asked_for_other_machines_and_not_for_this_one() {
        let (address, lines) = proxy();
        let error = refused(pool!(region = "eu-central-1", proxy = &address)).await;
        let amazon = "cognito-idp.eu-central-1.amazonaws.com";
        assert!(error.message.contains(amazon), "{error}");
        let line = lines.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(line, format!("CONNECT {amazon}:443 HTTP/1.1\r\n"));
        while lines.recv_timeout(Duration::from_secs(1)).is_ok() {} // sent again

        let service = Service::start(|_, _, _| tokens());
        let client = client(pool!(
            region = "eu-central-1",
            endpoint = &*service.address,
            flow = CognitoFlow::Password,
            proxy = &address,
        ));
        let _ = client.sign_in("ada", "correct horse").await.unwrap();
        assert!(lines.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_certificate_is_trusted_if_the_application_says_so() {
        let endpoint = encrypted();
        let error = refused(pool!(region = "eu-central-1", endpoint = &*endpoint)).await;
        assert_eq!(error.name, "NotTrusted", "{error}");
        assert!(error.message.contains(&endpoint), "{error}");

        let error = refused(pool!(
            region = "eu-central-1",
            endpoint = &*endpoint,
            root_certificates = CERTIFICATE,
        ));
        assert_eq!(error.await.name, "Unreadable", "it has answered");
    }

    /// Not even at the finest level of the crates below.
    #[cfg(feature = "tracing")]
    #[tokio::test]
    async fn no_token_and_no_password_is_logged() {
        const ACCESS: &str = "an-access-token-that-is-not-logged";
        const REFRESH: &str = "a-refresh-token-that-is-not-logged";
        const SECRET: &str = "a-password-that-is-not-logged";
        let service = Service::start(|_, _, _| {
            let mut result = result();
            result["AccessToken"] = json!(ACCESS);
            result["RefreshToken"] = json!(REFRESH);
            (200, json!({ "AuthenticationResult": result }))
        });
        let hub = Hub::new();
        let shown = Shown::of(&hub);
        let provider = pool!(
            region = "eu-central-1",
            endpoint = &*service.address,
            flow = CognitoFlow::Password,
        );
        let client = AuthClient::new(hub, provider).unwrap();
        let _ = client.sign_in("ada", SECRET).await.unwrap();
        client.refresh().await.unwrap().unwrap();
        assert!(!shown.any_of(&[ACCESS, REFRESH, SECRET].map(str::to_owned)));
    }

    #[tokio::test]
    async fn the_issuer_has_the_form_that_the_options_say() {
        use typed_hub::auth::cognito::CognitoIssuer::{self, Original, Updated};
        const BACK: &str = "http://127.0.0.1:49152/callback";
        async fn sign_in(issuer: &str, region: &str, form: CognitoIssuer) -> bool {
            let liar = Liar::start();
            liar.issue_as(issuer);
            let client = client(
                CognitoProvider::builder()
                    .region(region)
                    .user_pool_id("pool")
                    .client_id(CLIENT)
                    .endpoint(liar.origin())
                    .domain(liar.origin())
                    .redirect_uris([BACK])
                    .issuer(form)
                    .build(),
            );
            let options = RedirectOptions::builder().redirect_uri(BACK).build();
            let page = client.sign_in_with_redirect(options).await.unwrap();
            let page = url::Url::parse(page.as_str()).unwrap();
            let pairs: std::collections::HashMap<_, _> = page.query_pairs().collect();
            liar.expect(&pairs["nonce"]);
            let back = format!("{BACK}?code=c&state={}", pairs["state"]);
            client.complete_redirect(&back).await.is_ok()
        }
        let original = "https://cognito-idp.us-east-1.amazonaws.com/pool";
        let updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/pool";
        assert!(sign_in(original, "us-east-1", Original).await);
        assert!(sign_in(updated, "us-east-1", Updated).await);
        assert!(!sign_in(original, "us-east-1", Updated).await);
        assert!(!sign_in(updated, "us-east-1", Original).await);
        let in_china = "https://cognito-idp.cn-north-1.amazonaws.com.cn/pool";
        assert!(sign_in(in_china, "cn-north-1", Original).await);
        let sovereign = "https://issuer-cognito-idp.eusc-de-east-1.amazonaws.eu/pool";
        assert!(sign_in(sovereign, "eusc-de-east-1", Updated).await);
    }
}
