//! The providers, on servers of the test that do and say what it tells them.
#![cfg(any(feature = "cognito", feature = "oidc"))]

#[cfg(feature = "cognito")]
mod cognito;
#[cfg(feature = "cognito")]
mod cognito_options;
#[cfg(feature = "cognito")]
mod cognito_service;
#[cfg(all(feature = "cognito", feature = "loopback", feature = "oidc"))]
mod examples;
#[cfg(all(feature = "cognito", feature = "oidc"))]
mod forged;
#[cfg(feature = "oidc")]
mod habits;
#[cfg(feature = "oidc")]
mod oidc;

#[path = "../shared/closed.rs"]
mod closed;
#[cfg(all(feature = "cognito", feature = "oidc"))]
#[path = "../shared/liar.rs"]
mod liar;
#[cfg(feature = "oidc")]
#[path = "../shared/oidc_stub.rs"]
mod oidc_stub;
#[cfg(all(feature = "cognito", feature = "oidc"))]
#[path = "../shared/shown.rs"]
mod shown;
#[cfg(feature = "oidc")]
#[path = "../shared/trace.rs"]
mod trace;
