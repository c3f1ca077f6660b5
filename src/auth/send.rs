//! What must be [`Send`] and [`Sync`]: everything that a client calls, except in a page, which has one
//! thread and whose promises belong to it.

/// A bound of the auth category: [`Send`], except in a page (`wasm32-unknown-unknown`), where every type
/// has it.
///
/// A page has one thread, and a future that waits for the browser is not `Send`. So an
/// [`IdentityProvider`](super::IdentityProvider) or a [`TokenStore`](super::TokenStore) need not be
/// `Send` there. On every other platform the bound is `Send`, and implies it.
///
/// ```
/// use typed_hub::auth::{MaybeSend, TokenStore};
///
/// fn is_send<T: Send>(_: T) {}
///
/// /// On a platform with threads, the futures of every store are `Send`.
/// fn load_elsewhere(store: &'static impl TokenStore) {
///     is_send(store.load());
/// }
/// # fn holds<T: MaybeSend>() { }
/// # holds::<String>();
/// ```
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub trait MaybeSend: Send {}
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// A bound of the auth category: [`Sync`], except in a page (`wasm32-unknown-unknown`), where every type
/// has it. See [`MaybeSend`].
///
/// ```
/// fn is_shared<T: typed_hub::auth::MaybeSync>(_: &T) {}
///
/// is_shared(&String::new());
/// ```
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub trait MaybeSync: Sync {}
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl<T: Sync + ?Sized> MaybeSync for T {}

/// A bound of the auth category that every type has in a page, and that is [`Send`] elsewhere.
///
/// A page has one thread, and a future that waits for the browser is not `Send`. So an
/// [`IdentityProvider`](super::IdentityProvider) or a [`TokenStore`](super::TokenStore) need not be
/// `Send` there.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub trait MaybeSend {}
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl<T: ?Sized> MaybeSend for T {}

/// A bound of the auth category that every type has in a page, and that is [`Sync`] elsewhere. See
/// [`MaybeSend`].
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub trait MaybeSync {}
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl<T: ?Sized> MaybeSync for T {}
