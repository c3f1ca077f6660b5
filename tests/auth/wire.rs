//! What auth events look like on the wire, byte for byte.

use proptest::prelude::*;
use strum::{EnumCount, IntoEnumIterator};
use typed_hub::auth::{
    AuthClient, AuthFailure, AuthFlowType, AuthUser, MemoryProvider, ProviderError,
    ProviderErrorKind, RedirectError, SignInDetails,
};
use typed_hub::{Auth, AuthEvent, AuthEventKind, Hub};

fn user() -> AuthUser {
    AuthUser::new("ada", "u-1")
}

fn failure() -> AuthFailure {
    AuthFailure {
        name: "NetworkError".to_owned(),
        message: "the network is down".to_owned(),
    }
}

fn golden() -> [(AuthEvent, &'static str); AuthEventKind::COUNT] {
    [
        (
            AuthEvent::SignedIn { user: user() },
            r#"{"event":"signedIn","data":{"username":"ada","userId":"u-1"}}"#,
        ),
        (AuthEvent::SignedOut, r#"{"event":"signedOut"}"#),
        (AuthEvent::TokenRefresh, r#"{"event":"tokenRefresh"}"#),
        (
            AuthEvent::TokenRefreshFailure {
                error: failure(),
                session_ended: true,
            },
            r#"{"event":"tokenRefresh_failure","data":{"error":{"name":"NetworkError","message":"the network is down"},"sessionEnded":true}}"#,
        ),
        (
            AuthEvent::SignInWithRedirect,
            r#"{"event":"signInWithRedirect"}"#,
        ),
        (
            AuthEvent::SignInWithRedirectFailure { error: failure() },
            r#"{"event":"signInWithRedirect_failure","data":{"error":{"name":"NetworkError","message":"the network is down"}}}"#,
        ),
        (
            AuthEvent::CustomOAuthState {
                state: "from /cart \u{1F6D2}".to_owned(),
            },
            "{\"event\":\"customOAuthState\",\"data\":\"from /cart \u{1F6D2}\"}",
        ),
    ]
}

#[test]
fn every_event_is_written_and_read_as_agreed() {
    for (event, wire) in golden() {
        assert_eq!(serde_json::to_string(&event).unwrap(), wire);
        assert_eq!(serde_json::from_str::<AuthEvent>(wire).unwrap(), event);
    }
}

/// As Amplify JS 6 names them: `AuthUser.signInDetails`.
#[test]
fn the_details_of_a_sign_in_are_written_and_read_as_agreed() {
    for (flow, named) in [
        (AuthFlowType::UserSrp, "USER_SRP_AUTH"),
        (AuthFlowType::UserPassword, "USER_PASSWORD_AUTH"),
        (AuthFlowType::CustomWithSrp, "CUSTOM_WITH_SRP"),
        (AuthFlowType::CustomWithoutSrp, "CUSTOM_WITHOUT_SRP"),
        (AuthFlowType::User, "USER_AUTH"),
    ] {
        let user = user().with_sign_in_details(SignInDetails {
            login_id: "ada@example.org".to_owned(),
            auth_flow_type: flow,
        });
        let event = AuthEvent::SignedIn { user };
        let wire = format!(
            r#"{{"event":"signedIn","data":{{"username":"ada","userId":"u-1","signInDetails":{{"loginId":"ada@example.org","authFlowType":"{named}"}}}}}}"#
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), wire);
        assert_eq!(serde_json::from_str::<AuthEvent>(&wire).unwrap(), event);
    }
}

#[test]
fn kinds_are_printed_and_parsed_by_their_names_on_the_wire() {
    let names = [
        "signedIn",
        "signedOut",
        "tokenRefresh",
        "tokenRefresh_failure",
        "signInWithRedirect",
        "signInWithRedirect_failure",
        "customOAuthState",
    ];
    assert!(AuthEventKind::iter().map(<&str>::from).eq(names));
    for ((event, wire), kind) in golden().iter().zip(AuthEventKind::iter()) {
        assert_eq!(event.kind(), kind);
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let wire: serde_json::Value = serde_json::from_str(wire).unwrap();
        assert_eq!(wire["event"], kind.as_ref());
    }
}

#[test]
fn what_is_no_auth_event_is_not_read_as_one() {
    for wrong in [
        r#"{"event":"signedin","data":{"username":"ada","userId":"u-1"}}"#,
        r#"{"event":"signedIn"}"#,
        r#"{"event":"signedIn","data":{"username":"ada"}}"#,
        r#"{"event":"customOAuthState","data":{"state":"s"}}"#,
        r#"{"data":"s"}"#,
    ] {
        assert!(serde_json::from_str::<AuthEvent>(wrong).is_err(), "{wrong}");
    }
}

fn any_event() -> impl Strategy<Value = AuthEvent> {
    let failure = (any::<String>(), any::<String>())
        .prop_map(|(name, message)| AuthFailure { name, message });
    let user = (any::<[String; 2]>(), any::<Option<String>>()).prop_map(
        |([username, user_id], login_id)| {
            let user = AuthUser::new(username, user_id);
            let auth_flow_type = AuthFlowType::UserSrp;
            let details = login_id.map(|login_id| SignInDetails {
                login_id,
                auth_flow_type,
            });
            details.map_or(user.clone(), |details| user.with_sign_in_details(details))
        },
    );
    prop_oneof![
        user.prop_map(|user| AuthEvent::SignedIn { user }),
        Just(AuthEvent::SignedOut),
        Just(AuthEvent::TokenRefresh),
        (failure.clone(), any::<bool>()).prop_map(|(error, session_ended)| {
            AuthEvent::TokenRefreshFailure {
                error,
                session_ended,
            }
        }),
        Just(AuthEvent::SignInWithRedirect),
        failure.prop_map(|error| AuthEvent::SignInWithRedirectFailure { error }),
        any::<String>().prop_map(|state| AuthEvent::CustomOAuthState { state }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(event in any_event()) {
        let wire = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<AuthEvent>(&wire).unwrap(), event);
    }

    #[test]
    fn whatever_is_not_quite_an_event_is_refused_or_is_another_event(
        event in any_event(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut wire = serde_json::to_vec(&event).unwrap();
        for (place, byte) in changes {
            let place = place.index(wire.len());
            wire[place] = byte;
        }
        if let Ok(read) = serde_json::from_slice::<AuthEvent>(&wire) {
            let again = serde_json::to_vec(&read).unwrap();
            prop_assert_eq!(serde_json::from_slice::<AuthEvent>(&again).unwrap(), read);
        }
    }
}

/// The names are those of the original; the message tells what the name does not.
#[test]
fn a_failure_has_the_name_that_a_front_end_knows() {
    use ProviderErrorKind::{InTransit, NotAuthorized, Rejected};
    let wire = |failure: AuthFailure| (failure.name, failure.message);
    for (kind, name, known) in [
        (InTransit, "TimedOut", "NetworkError"),
        (InTransit, "NotReached", "NetworkError"),
        (InTransit, "FetchRefused", "NetworkError"),
        (InTransit, "Offline", "NetworkError"),
        (InTransit, "Unreadable", "NetworkError"),
        (InTransit, "Status", "NetworkError"),
        (
            InTransit,
            "TooManyRequestsException",
            "TooManyRequestsException",
        ),
        (
            InTransit,
            "temporarily_unavailable",
            "temporarily_unavailable",
        ),
        (
            NotAuthorized,
            "NotAuthorizedException",
            "NotAuthorizedException",
        ),
        (Rejected, "invalid_grant", "invalid_grant"),
        (Rejected, "Status", "Status"), // of a service
    ] {
        let error = ProviderError::new(kind, name, "why");
        let expected = (known.to_owned(), "why".to_owned());
        assert_eq!(wire(AuthFailure::from(&error)), expected);

        let redirect = RedirectError::Provider(error);
        let shown = AuthFailure::from(&redirect);
        if known == "NetworkError" {
            assert_eq!(wire(shown), expected);
        } else {
            assert_eq!(shown.name, "OAuthSignInException");
            assert!(shown.message.contains(name), "{shown}");
        }
    }
    let declined = RedirectError::Declined(AuthFailure {
        name: "access_denied".to_owned(),
        message: "the user said no".to_owned(),
    });
    for (error, why) in [
        (declined, "the user said no (access_denied)"),
        (RedirectError::Cancelled, "cancelled"),
        (RedirectError::TimedOut, "in time"),
        (RedirectError::StateMismatch, "another state"),
    ] {
        let shown = AuthFailure::from(&error);
        assert_eq!(shown.name, "OAuthSignInException");
        assert!(shown.message.contains(why), "{shown}");
    }
}

/// The source of an auth event is the original's word, and no path of the machine that built the program.
#[test]
fn an_envelope_of_an_auth_event_names_the_category_as_its_source() {
    let hub = Hub::new();
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub.clone(), pool).unwrap();
    let _no_challenge = pollster::block_on(client.sign_in("ada", "correct horse")).unwrap();
    let envelope = serde_json::to_value(hub.last::<Auth>().unwrap()).unwrap();
    assert_eq!(envelope["channel"], "auth");
    assert_eq!(envelope["source"], "Auth");
}
