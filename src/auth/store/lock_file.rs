//! A file whose advisory lock admits one process at a time.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::StoreLock;
use super::blocking::{acquire, on_own_thread};
use crate::auth::error::StoreError;
use crate::sync::Mutex;

/// A lock file, opened when its lock is asked for. The lock is released when the file that has it is
/// closed, as at the end of the process.
pub(crate) struct LockFile {
    path: PathBuf,
    file: Option<File>,
}

impl LockFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] if the path is not that of a regular file.
    // The features that need it have a minimum of their own: see the README.
    #[clippy::msrv = "1.89"]
    pub(crate) fn try_lock(&mut self) -> io::Result<Option<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, &self.path)? => return Ok(Some(file)),
            // The file was deleted since it was opened, and another process may have the lock of
            // the one that took its place: that one is opened at the next attempt.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => self.file = Some(file),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(None)
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Checked before as well: opening a pipe may wait for its other end.
    check_regular_or_absent(path)?;
    let mut options = owner_only();
    // Also for reading: a pipe that has come there since is opened at once, and then refused.
    options.read(true).create(true);
    // Others may read and write the open file, and not delete it.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1 | 2);
    let file = options.open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

/// Whether the file of this path is still the open one.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file is not deleted.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it is fallible on Unix")]
const fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The lock of a shared store while a client holds it. All clones of a store have the same.
#[derive(Clone, Debug)]
pub(crate) struct HeldLock(Arc<Mutex<Weak<File>>>);

impl HeldLock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Weak::new())))
    }

    /// Takes the lock on a thread of its own.
    pub(crate) async fn lock(
        &self,
        limit: Duration,
        path: impl Fn() -> io::Result<PathBuf> + Send + 'static,
    ) -> Result<StoreLock, StoreError> {
        let mut lock = None;
        let attempt = move || {
            let lock = match &mut lock {
                Some(lock) => lock,
                None => lock.insert(LockFile::new(path()?)),
            };
            lock.try_lock()
        };
        let locked = acquire(limit, attempt).await.map_err(StoreError::Lock)?;
        let locked = Arc::new(locked);
        *self.0.lock() = Arc::downgrade(&locked);
        Ok(StoreLock::new(locked))
    }

    /// Writes on a thread of its own, with a share of the lock until the write has ended: its caller
    /// may be dropped meanwhile, and with it the caller's share.
    pub(crate) async fn write(
        &self,
        work: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let held = self.0.lock().upgrade();
        let write = move || {
            let written = work();
            drop(held);
            written
        };
        on_own_thread(write).await.map_err(StoreError::Write)?
    }
}

/// Options of a file that only its owner may read, from the first byte on.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Refuses a folder, a pipe or a device at this path.
pub(crate) fn check_regular_or_absent(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) => check_regular(&metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Refuses a folder, a pipe or a device.
pub(crate) fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}
