//! What is published on `Auth`, in words.

use std::sync::{Arc, Mutex};

use typed_hub::{Auth, AuthEvent, Hub};

/// Writes down what is published on `Auth`.
pub(crate) fn trace(hub: &Hub) -> impl Fn() -> Vec<String> + use<> {
    let trace: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&trace);
    hub.listen_inline::<Auth>(move |event: &AuthEvent| {
        let entry = match event {
            AuthEvent::TokenRefreshFailure { session_ended, .. } => {
                let ended = if *session_ended { "ended" } else { "kept" };
                format!("{}, {ended}", event.kind())
            }
            AuthEvent::CustomOAuthState { state } => format!("{}: {state}", event.kind()),
            _ => event.kind().to_string(),
        };
        log.lock().unwrap().push(entry);
    })
    .detach();
    move || std::mem::take(&mut *trace.lock().unwrap())
}
