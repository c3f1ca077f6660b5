//! What compiles and what does not.

#[cfg(not(any(feature = "cognito", feature = "keyring", feature = "oidc")))]
mod typed_and_protected;
