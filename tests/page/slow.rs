//! A provider that takes its time, and a session that it has to refresh.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use page::sleep;
use typed_hub::auth::{
    AccessToken, AuthUser, IdentityProvider, IssuedTokens, Lasting, ProviderError, RefreshError,
    RefreshToken, Session, Tokens,
};

/// A provider whose state is of the page and not `Send`, and which answers from a timer of the page.
pub struct Slow(pub Rc<Cell<u32>>);

impl IdentityProvider for Slow {
    async fn refresh(&self, _: &AuthUser, _: &RefreshToken) -> Result<IssuedTokens, RefreshError> {
        self.0.set(self.0.get() + 1);
        sleep(50).await;
        Ok(issued(&format!("access {}", self.0.get())))
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), ProviderError> {
        sleep(1).await;
        Ok(())
    }

    async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
        Ok(())
    }
}

fn issued(access: &str) -> IssuedTokens {
    IssuedTokens {
        access: Lasting {
            token: access.into(),
            lifetime: Duration::from_secs(3_600),
        },
        id: None,
        refresh: Some("refresh".into()),
    }
}

pub fn expired() -> Session {
    let then = UNIX_EPOCH + Duration::from_secs(1);
    let tokens = Tokens::restored("old".into(), None, Some("refresh".into()), then, then);
    Session::new(AuthUser::new("ada", "1"), tokens)
}
