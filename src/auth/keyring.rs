//! The session in the keyring of the operating system.

use std::io::ErrorKind;

use keyring_core::{Entry, Error};
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::error::StoreError;
use super::record::Recorded;
use super::store::{PendingRedirect, Session, TokenStore};

/// Keeps the session in the keyring of the operating system: the Secret Service on Linux and the
/// BSDs, the Keychain on macOS, the Credential Manager on Windows. All stores of the same service
/// and account are one store.
///
/// The session is one entry of the keyring; the sign-in by redirect that is under way is another,
/// whose account ends in `.redirect`.
///
/// An application that has chosen a default store of the `keyring-core` crate gets that one
/// instead.
///
/// The methods talk to the keyring on the thread that polls them, and wait there while the system
/// asks the user to unlock it. Windows keeps at most 2,560 bytes in an entry; a longer session is
/// [`StoreError::Write`] of [`FileTooLarge`](ErrorKind::FileTooLarge) there, so use `FileStore`
/// where tokens are long.
///
/// ```no_run
/// use typed_hub::auth::{KeyringStore, TokenStore};
///
/// let store = KeyringStore::new("my-application", "default");
/// assert_eq!(pollster::block_on(store.load()), Ok(None));
/// ```
#[derive(Clone, Debug)]
pub struct KeyringStore {
    service: String,
    account: String,
}

impl KeyringStore {
    /// A store under these names in the keyring. Nothing is read or written yet.
    #[must_use]
    pub fn new(service: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            account: account.into(),
        }
    }

    fn session(&self) -> Result<Entry, Error> {
        entry(&self.service, &self.account)
    }

    fn redirect(&self) -> Result<Entry, Error> {
        entry(&self.service, &format!("{}.redirect", self.account))
    }
}

impl TokenStore for KeyringStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        read(self.session())
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        write(self.session(), session)
    }

    async fn clear(&self) -> Result<(), StoreError> {
        remove(self.session())
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        read(self.redirect())
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        write(self.redirect(), pending)
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        remove(self.redirect())
    }
}

fn entry(service: &str, account: &str) -> Result<Entry, Error> {
    if keyring_core::get_default_store().is_none() && keyring::Entry::store_status().is_err() {
        return Err(Error::NoDefaultStore);
    }
    Entry::new(service, account)
}

fn read<R: Recorded>(entry: Result<Entry, Error>) -> Result<Option<R>, StoreError> {
    match entry.and_then(|entry| entry.get_secret()) {
        Ok(json) => R::from_json(&Zeroizing::new(json)).map(Some),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(StoreError::Read(kind(error))),
    }
}

fn write(entry: Result<Entry, Error>, record: &impl Recorded) -> Result<(), StoreError> {
    let json = record.to_json()?;
    entry
        .and_then(|entry| entry.set_secret(&json))
        .map_err(|error| StoreError::Write(kind(error)))
}

fn remove(entry: Result<Entry, Error>) -> Result<(), StoreError> {
    match entry.and_then(|entry| entry.delete_credential()) {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(StoreError::Write(kind(error))),
    }
}

/// The words are dropped: they may quote what was stored.
fn kind(error: Error) -> ErrorKind {
    match error {
        Error::NoStorageAccess(_) => ErrorKind::PermissionDenied,
        Error::BadEncoding(mut secret) | Error::BadDataFormat(mut secret, _) => {
            secret.zeroize();
            ErrorKind::InvalidData
        }
        Error::BadStoreFormat(_) | Error::Ambiguous(_) => ErrorKind::InvalidData,
        Error::TooLong(..) => ErrorKind::FileTooLarge,
        Error::Invalid(..) => ErrorKind::InvalidInput,
        Error::NoDefaultStore | Error::NotSupportedByStore(_) => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}
