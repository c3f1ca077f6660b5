//! Who is signed in.

use serde::{Deserialize, Serialize};

/// A user, as the identity provider knows them.
///
/// On the wire: `{"username":"…","userId":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthUser {
    /// The name the user signs in with.
    pub username: String,
    /// The identifier that stays when the name changes (`sub` in an id token).
    pub user_id: String,
}
