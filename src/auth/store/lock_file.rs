//! A file whose advisory lock admits one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StoreLock;
use super::blocking::acquire;
use crate::auth::error::StoreError;

/// Opens the file whose lock is taken. Closing it releases the lock, as the end of the process does.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    owner_only().create(true).open(path)
}

/// Takes the lock if it is free.
// The features that need it have a minimum of their own: see the README.
#[clippy::msrv = "1.89"]
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes the lock of a shared store on a thread of its own.
pub(crate) async fn lock(
    limit: Duration,
    path: impl Fn() -> io::Result<PathBuf> + Send + 'static,
) -> Result<StoreLock, StoreError> {
    let mut opened = None;
    let attempt = move || {
        let file = match opened.take() {
            Some(file) => file,
            None => open(&path()?)?,
        };
        if try_lock(&file)? {
            return Ok(Some(file));
        }
        opened = Some(file);
        Ok(None)
    };
    let locked = acquire(limit, attempt).await;
    locked.map(StoreLock::new).map_err(StoreError::Lock)
}

/// Options of a file that only its owner may read, from the first byte on.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
