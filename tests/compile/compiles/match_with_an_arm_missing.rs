use typed_hub::AuthEvent;

fn describe(event: &AuthEvent) -> &'static str {
    match event {
        AuthEvent::SignedIn { .. } => "signed in",
        AuthEvent::SignedOut => "signed out",
        AuthEvent::TokenRefresh => "refreshed",
        AuthEvent::TokenRefreshFailure { .. } => "refresh failed",
        AuthEvent::SignInWithRedirect => "redirect done",
        AuthEvent::SignInWithRedirectFailure { .. } => "redirect failed",
        AuthEvent::CustomOAuthState { .. } => "custom state",
    }
}

pub fn main() {
    describe(&AuthEvent::SignedOut);
}
