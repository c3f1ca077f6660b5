//! The session in the keyring of the operating system.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use keyring_core::{CredentialStore, Entry, Error};
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::error::StoreError;
use super::record::Persist;
use super::store::blocking::on_own_thread;
use super::store::lock_file::HeldLock;
use super::store::{LOCK_LIMIT, PendingRedirect, Session, StoreLock, TokenStore};

/// Keeps the session in the keyring of the operating system: the Secret Service on Linux and the
/// BSDs, the Keychain on macOS and iOS, the Credential Manager on Windows. All stores of the same
/// service and account are one store.
///
/// The session is one entry of the keyring; the sign-in by redirect in progress is another, whose
/// account ends in `.redirect`.
///
/// If the application has set a default store of the `keyring-core` crate, that store is used
/// instead. On Android, and on other systems without a keyring of their own, there must be one:
/// without it each call fails with [`Unsupported`](ErrorKind::Unsupported).
///
/// Each call runs on a thread of its own, where it may wait while the system asks the user to
/// unlock the keyring. On Windows an entry holds at most 2,560 bytes; a longer session is
/// [`StoreError::Write`] of [`FileTooLarge`](ErrorKind::FileTooLarge), so use `FileStore` for long
/// tokens.
///
/// # Several processes
///
/// A keyring has no lock, so by default the entry belongs to one client. Processes that share it
/// name a lock file with [`shared`](Self::shared): then they share the session, as those that share
/// a `FileStore` do. The keyring is read at each use of the session then, and a system that asks
/// the user to unlock it may ask at any of them.
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
    lock: Option<PathBuf>,
    held: HeldLock,
}

impl KeyringStore {
    /// Makes a store of this service and account. Nothing is read or written yet.
    #[must_use]
    pub fn new(service: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            account: account.into(),
            lock: None,
            held: HeldLock::new(),
        }
    }

    /// Shares the entry with other processes, which must name the same lock file. The file is empty,
    /// is made when it is needed, and stays; its folder must exist. Choose a folder of the user's own:
    /// in one that others can write to, such as that of temporary files, they can hold the lock.
    ///
    /// A process that waits 40 s for another gets [`StoreError::Lock`] of
    /// [`TimedOut`](ErrorKind::TimedOut).
    ///
    /// ```
    /// use typed_hub::auth::KeyringStore;
    ///
    /// let home = std::env::home_dir().ok_or("there is no home folder")?;
    /// let lock = home.join(".my-application.lock");
    /// let store = KeyringStore::new("my-application", "default").shared(lock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn shared(mut self, lock_file: impl Into<PathBuf>) -> Self {
        self.lock = Some(lock_file.into());
        self
    }

    fn session(&self) -> EntryName {
        EntryName {
            service: self.service.clone(),
            account: self.account.clone(),
        }
    }

    fn redirect(&self) -> EntryName {
        EntryName {
            service: self.service.clone(),
            account: format!("{}.redirect", self.account),
        }
    }
}

impl TokenStore for KeyringStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        read(self.session()).await
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.write(self.session(), session).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.remove(self.session()).await
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        read(self.redirect()).await
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.write(self.redirect(), pending).await
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.remove(self.redirect()).await
    }

    fn is_shared(&self) -> bool {
        self.lock.is_some()
    }

    async fn lock(&self) -> Result<StoreLock, StoreError> {
        match self.lock.clone() {
            Some(path) => {
                let path = move || Ok(path.clone());
                self.held.lock(LOCK_LIMIT, path).await
            }
            None => Ok(StoreLock::none()),
        }
    }
}

impl KeyringStore {
    async fn write(&self, name: EntryName, record: &impl Persist) -> Result<(), StoreError> {
        let json = record.to_json()?;
        let set = move || name.entry()?.set_secret(&json);
        self.change(set).await
    }

    async fn remove(&self, name: EntryName) -> Result<(), StoreError> {
        let delete = move || match name.entry()?.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            deleted => deleted,
        };
        self.change(delete).await
    }

    async fn change(
        &self,
        work: impl FnOnce() -> Result<(), Error> + Send + 'static,
    ) -> Result<(), StoreError> {
        let change = || work().map_err(|error| StoreError::Write(kind(error)));
        self.held.write(change).await
    }
}

/// The service and the account that name an entry.
struct EntryName {
    service: String,
    account: String,
}

impl EntryName {
    fn entry(&self) -> Result<Entry, Error> {
        match keyring_core::get_default_store() {
            Some(store) => store.build(&self.service, &self.account, None),
            None => system_store()?.build(&self.service, &self.account, None),
        }
    }
}

/// The keyring of this system, to which the process connects once.
fn system_store() -> Result<Arc<CredentialStore>, Error> {
    static STORE: Mutex<Option<Arc<CredentialStore>>> = Mutex::new(None);

    let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = &*store {
        return Ok(Arc::clone(store));
    }
    Ok(store.insert(connect()?).clone())
}

fn connect() -> Result<Arc<CredentialStore>, Error> {
    #[cfg(target_os = "macos")]
    return Ok(apple_native_keyring_store::keychain::Store::new()?);
    #[cfg(target_os = "ios")]
    return Ok(apple_native_keyring_store::protected::Store::new()?);
    #[cfg(windows)]
    return Ok(windows_native_keyring_store::Store::new()?);
    #[cfg(all(
        unix,
        not(any(target_os = "macos", target_os = "ios", target_os = "android"))
    ))]
    return Ok(zbus_secret_service_keyring_store::Store::new()?);
    #[cfg(any(target_os = "android", not(any(unix, windows))))]
    return Err(Error::NoDefaultStore);
}

// Each access runs on its own thread: the user may take long to unlock the keyring, and some
// keyrings start a runtime, which must not run inside another.

async fn read<R: Persist + Send + 'static>(name: EntryName) -> Result<Option<R>, StoreError> {
    let read = move || match name.entry().and_then(|entry| entry.get_secret()) {
        Ok(json) => R::from_json(&Zeroizing::new(json)).map(Some),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(StoreError::Read(kind(error))),
    };
    on_own_thread(read).await.map_err(StoreError::Read)?
}

/// Drops the message, which may quote the stored secret.
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
