//! The session in the storage of a page.
//!
//! - this file: [`WebStore`]
//! - `locks`: the lock that admits one page at a time
//! - `changes`: what other pages do to the storage

mod changes;
mod locks;

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use js_sys::Reflect;
use secrecy::zeroize::Zeroizing;
use wasm_bindgen::JsValue;
use web_sys::Storage;

pub(super) use self::changes::Changes;

use super::error::StoreError;
use super::record::Persist;
use super::store::{LOCK_LIMIT, PendingRedirect, Session, StoreLock, TokenStore};

/// Keeps the session in the storage of a page, as JSON: in `localStorage`, which all pages of the origin
/// share and which outlives the browser, or in `sessionStorage`, which belongs to one tab and outlives a
/// reload. All stores of the same name are one store. Exists in a page only (`wasm32-unknown-unknown`).
///
/// The entries have the name of the store, and `<name>.redirect` for the sign-in by redirect in progress.
///
/// # Security
///
/// **Any script that runs in a page of the origin can read the tokens**: a dependency, an injected script
/// (XSS), an extension of the browser. Nothing in a page keeps a token from such a script, and a token in
/// memory is only harder to find. Storage adds that the tokens lie on the disk, not encrypted, until they
/// are removed. So let a page have short-lived tokens and rotating refresh tokens, set a content security
/// policy, and use `sessionStorage`, or no store at all, if a reload may ask the user to sign in again. If
/// the tokens must be out of reach of scripts, keep them on a server, and give the page a cookie that is
/// `HttpOnly`.
///
/// Rust's copies of the tokens are zeroed after use; those of the browser cannot be.
///
/// # Several tabs
///
/// Pages that share a store share the session: one refreshes at a time, by the browser's Web Locks
/// (`navigator.locks`), and the others take over its tokens. A sign-out in one tab is a sign-out in all,
/// which each notices at its next call, or at once with
/// [`AuthClient::follow_tabs`](super::AuthClient::follow_tabs). A page that waits 40 s for another gets
/// [`StoreError::Lock`] of [`TimedOut`](ErrorKind::TimedOut).
///
/// The store has room for one sign-in by redirect. If two tabs begin one at the same time and the callback
/// of the first comes first, it fails with `StateMismatch` and ends the second sign-in, whose callback fails
/// with `NothingUnderWay`: the user begins again. With [`WebStore::session`] each tab has a sign-in of its own.
/// If another tab has signed in meanwhile, the callback fails with `AlreadySignedIn` or `NothingUnderWay`, and
/// [`current_user`](super::AuthClient::current_user) returns the user.
///
/// Web Locks exist in secure contexts only (`https`, and `http` of this machine). Elsewhere the store has
/// no lock, and two tabs that refresh at the same moment send the same refresh token; a provider that
/// rotates refresh tokens may then end the session. The tabs of a browser that copies `sessionStorage`
/// when it duplicates a tab hold the same refresh token, too.
///
/// # Errors
///
/// A storage that the user or the browser has blocked is [`StoreError::Read`] or [`StoreError::Write`] of
/// [`PermissionDenied`](ErrorKind::PermissionDenied). A full one, and the storage of some private windows,
/// is `Write` of [`StorageFull`](ErrorKind::StorageFull): what was stored before stays. A Web Worker
/// has no storage: [`Unsupported`](ErrorKind::Unsupported). An entry that cannot be parsed is `Read` of
/// [`InvalidData`](ErrorKind::InvalidData), and stays until it is replaced or removed. The storage of a
/// private window ends with the window.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::auth::{AuthClient, MemoryProvider, WebStore};
///
/// let client = AuthClient::builder()
///     .hub(Hub::new())
///     .provider(MemoryProvider::new())
///     .store(WebStore::local("my-app"))
///     .build();
/// ```
#[derive(Clone)]
pub struct WebStore {
    area: Area,
    name: String,
    lock_limit: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Area {
    Local,
    Session,
}

impl WebStore {
    /// Makes a store in `localStorage`, which all pages of the origin share. Nothing is read or written
    /// yet.
    #[must_use]
    pub fn local(name: impl Into<String>) -> Self {
        Self::new(Area::Local, name.into())
    }

    /// Makes a store in `sessionStorage`, which ends with the tab. Nothing is read or written yet.
    #[must_use]
    pub fn session(name: impl Into<String>) -> Self {
        Self::new(Area::Session, name.into())
    }

    fn new(area: Area, name: String) -> Self {
        Self {
            area,
            name,
            lock_limit: LOCK_LIMIT,
        }
    }

    /// Sets how long to wait for another page that refreshes, signs in or signs out; unless set, 40 s.
    /// The limit should be longer than the time limit of a request to the provider.
    #[must_use]
    pub fn lock_limit(mut self, limit: Duration) -> Self {
        self.lock_limit = limit;
        self
    }

    /// Begins to notice what other pages do to this store. `None` if there is no page to listen to.
    pub(super) fn changes(&self) -> Option<Changes> {
        Changes::begin(&[self.name.clone(), self.redirect()])
    }

    fn storage(&self) -> Result<Storage, ErrorKind> {
        let window = web_sys::window().ok_or(ErrorKind::Unsupported)?;
        let storage = match self.area {
            Area::Local => window.local_storage(),
            Area::Session => window.session_storage(),
        };
        let storage = storage.map_err(|error| kind_of(&error))?;
        storage.ok_or(ErrorKind::Unsupported)
    }

    fn redirect(&self) -> String {
        format!("{}.redirect", self.name)
    }

    fn read<R: Persist>(&self, entry: &str) -> Result<Option<R>, StoreError> {
        let storage = self.storage().map_err(StoreError::Read)?;
        let json = storage.get_item(entry);
        let json = json.map_err(|error| StoreError::Read(kind_of(&error)))?;
        let json = json.map(Zeroizing::new);
        json.map(|json| R::from_json(json.as_bytes())).transpose()
    }

    fn write(&self, entry: &str, value: &impl Persist) -> Result<(), StoreError> {
        let json = value.to_json()?;
        let json = str::from_utf8(&json);
        let json = json.map_err(|_| StoreError::Write(ErrorKind::InvalidInput))?;
        let storage = self.storage().map_err(StoreError::Write)?;
        let written = storage.set_item(entry, json);
        written.map_err(|error| StoreError::Write(kind_of(&error)))
    }

    fn remove(&self, entry: &str) -> Result<(), StoreError> {
        let storage = self.storage().map_err(StoreError::Write)?;
        let removed = storage.remove_item(entry);
        removed.map_err(|error| StoreError::Write(kind_of(&error)))
    }
}

impl TokenStore for WebStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        self.read(&self.name)
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.write(&self.name, session)
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.remove(&self.name)
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        self.read(&self.redirect())
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.write(&self.redirect(), pending)
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.remove(&self.redirect())
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn lock(&self) -> Result<StoreLock, StoreError> {
        // Names of locks are those of the whole origin, and tabs of another version of the page agree on them.
        let area = match self.area {
            Area::Local => "Local",
            Area::Session => "Session",
        };
        let name = format!("typed-hub {area} {}", self.name);
        let lock = locks::request(&name, self.lock_limit).await;
        let lock = lock.map_err(StoreError::Lock)?;
        Ok(lock.map_or_else(StoreLock::none, StoreLock::new))
    }
}

impl fmt::Debug for WebStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebStore")
            .field("area", &self.area)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The kind of an exception, by its name ([DOM](https://webidl.spec.whatwg.org/#idl-DOMException-error-names)).
fn kind_of(exception: &JsValue) -> ErrorKind {
    let name = Reflect::get(exception, &"name".into());
    match name.ok().and_then(|name| name.as_string()).as_deref() {
        Some("SecurityError" | "NotAllowedError") => ErrorKind::PermissionDenied,
        Some("QuotaExceededError" | "NS_ERROR_DOM_QUOTA_REACHED") => ErrorKind::StorageFull,
        _ => ErrorKind::Other,
    }
}
