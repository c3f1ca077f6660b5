//! The JSON in which persistent stores keep a session and a redirect.
//!
//! Secrets do not serialise; only these private records do. Their buffers are zeroed.

use std::io::{self, Write};
use std::time::SystemTime;

use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::StoreError;
use super::store::{PendingRedirect, Session};
use super::tokens::Tokens;
use super::user::AuthUser;

/// A value that a persistent store keeps.
pub(super) trait Persist: Sized {
    fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, StoreError>;

    fn from_json(json: &[u8]) -> Result<Self, StoreError>;
}

impl Persist for Session {
    fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let tokens = &self.tokens;
        serialize(&SessionRecord {
            user: self.user.clone(),
            access: tokens.access.expose().into(),
            id: tokens.id.as_ref().map(|token| token.expose().into()),
            refresh: tokens.refresh.as_ref().map(|token| token.expose().into()),
            received_at: tokens.received_at,
            expires_at: tokens.expires_at,
            by_redirect: self.by_redirect,
        })
    }

    fn from_json(json: &[u8]) -> Result<Self, StoreError> {
        let record: SessionRecord = parse(json)?;
        let tokens = Tokens::restored(
            record.access.expose().into(),
            record.id.map(|token| token.expose().into()),
            record.refresh.map(|token| token.expose().into()),
            record.received_at,
            record.expires_at,
        );
        Ok(Self::new(record.user, tokens).began_by_redirect(record.by_redirect))
    }
}

impl Persist for PendingRedirect {
    fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        serialize(&RedirectRecord {
            state: self.state.expose().into(),
            verifier: self.verifier.expose().into(),
            nonce: self.nonce.expose().into(),
            redirect_uri: self.redirect_uri.clone(),
            custom_state: self.custom_state.clone(),
            begun_at: self.begun_at,
        })
    }

    fn from_json(json: &[u8]) -> Result<Self, StoreError> {
        let record: RedirectRecord = parse(json)?;
        Ok(Self {
            state: record.state.expose().into(),
            verifier: record.verifier.expose().into(),
            nonce: record.nonce.expose().into(),
            redirect_uri: record.redirect_uri,
            custom_state: record.custom_state,
            begun_at: record.begun_at,
        })
    }
}

/// Times are durations since the Unix epoch, in seconds and nanoseconds.
#[derive(Serialize, Deserialize)]
struct SessionRecord {
    user: AuthUser,
    access: SecretText,
    id: Option<SecretText>,
    refresh: Option<SecretText>,
    received_at: SystemTime,
    expires_at: SystemTime,
    by_redirect: bool,
}

#[derive(Serialize, Deserialize)]
struct RedirectRecord {
    state: SecretText,
    verifier: SecretText,
    nonce: SecretText,
    redirect_uri: String,
    custom_state: Option<String>,
    begun_at: SystemTime,
}

/// The text of a secret.
struct SecretText(SecretString);

impl SecretText {
    fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let secret = Self::from(text.as_str());
        text.zeroize();
        Ok(secret)
    }
}

/// Measures first, so that the buffer does not grow and leave a copy behind.
fn serialize(record: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let refused = |_| StoreError::Write(io::ErrorKind::InvalidInput);
    let mut length = Length(0);
    serde_json::to_writer(&mut length, record).map_err(refused)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, record).map_err(refused)?;
    Ok(json)
}

/// Drops the parser's message, which may quote the input.
fn parse<R: DeserializeOwned>(json: &[u8]) -> Result<R, StoreError> {
    serde_json::from_slice(json).map_err(|_| StoreError::Read(io::ErrorKind::InvalidData))
}

struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
