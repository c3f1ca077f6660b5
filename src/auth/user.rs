//! The user.

use serde::{Deserialize, Serialize};

/// A user, as the identity provider identifies them.
///
/// On the wire: `{"username":"…","userId":"…"}`.
///
/// ```
/// use typed_hub::auth::AuthUser;
///
/// let user = AuthUser { username: "ada".into(), user_id: "u-1".into() };
/// assert_eq!(serde_json::to_string(&user)?, r#"{"username":"ada","userId":"u-1"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthUser {
    /// The name the user signs in with.
    pub username: String,
    /// The identifier, which stays when the name changes (`sub` in an id token).
    pub user_id: String,
}
