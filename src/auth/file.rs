//! The session in a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;

use super::error::StoreError;
use super::record::Persist;
use super::store::blocking::{on_own_thread, try_until};
use super::store::lock_file::{
    HeldLock, LockFile, check_regular, check_regular_or_absent, owner_only,
};
use super::store::{LOCK_LIMIT, PendingRedirect, Session, StoreLock, TokenStore};

/// How long to wait for the lock of one write, which is held for a few milliseconds.
const WRITE_LOCK_LIMIT: Duration = Duration::from_secs(5);

/// The longest file that is read or written: 1 MiB.
const MAX_FILE: usize = 1024 * 1024;

/// The most links that are followed from one path, as on Linux.
const MAX_LINKS: usize = 40;

/// Keeps the session in a file, as JSON. On Unix, only the owner can read it. All stores of the
/// same path are one store, which several processes can share.
///
/// Next to it are the sign-in by redirect in progress (`<path>.redirect`), two empty lock files
/// (`<path>.lock` admits one write at a time, `<path>.session.lock` one refresh, sign-in or
/// sign-out), and, during a write, the replacement of the file (`<path>.new`,
/// `<path>.redirect.new`). The folder must exist. It should be one of the user's own: in a folder
/// that others can write to, they can hold the locks.
///
/// A symbolic link is followed: the file that it leads to is read, replaced and removed, the other
/// files are next to that file, and the link stays.
///
/// A file is replaced as a whole: if the process or the machine stops, either the old or the new
/// file is there. The next `save` or `clear` removes any remains.
///
/// Only a regular file of at most 1 MiB is read. A file that cannot be parsed, or is not a regular
/// file, is [`StoreError::Read`] of [`InvalidData`](ErrorKind::InvalidData), and a longer one of
/// [`FileTooLarge`](ErrorKind::FileTooLarge). A file that cannot be parsed stays until `save`
/// replaces it or `clear` removes it; one that is not regular is neither replaced nor removed. A lock
/// file that is not regular is an error of [`InvalidData`](ErrorKind::InvalidData), too.
///
/// The tokens are not encrypted: any program that can read the user's files can read them. If the
/// system has a keyring, prefer `KeyringStore`.
///
/// The work on files is done on a thread of its own. If another process holds the lock of writes
/// for 5 s, the result is [`StoreError::Write`] of [`TimedOut`](ErrorKind::TimedOut).
///
/// # Several processes
///
/// Processes that share a file share the session. One of them refreshes at a time, and the others
/// take over its tokens, so that none is lost even if the provider rotates refresh tokens. A
/// sign-out in one of them is a sign-out in all, which each notices at its next call. The locks are
/// advisory, and end with their process. Leave the lock files in place while a process may use them:
/// a deleted one locks out no process that comes later. A process that waits 40 s for another gets
/// [`StoreError::Lock`] of [`TimedOut`](ErrorKind::TimedOut); see
/// [`lock_limit`](Self::lock_limit).
///
/// ```
/// use typed_hub::auth::{FileStore, TokenStore};
///
/// let home = std::env::home_dir().ok_or("there is no home folder")?;
/// let store = FileStore::new(home.join(".typed-hub-example.json"));
/// assert_eq!(pollster::block_on(store.load()), Ok(None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
    lock_limit: Duration,
    held: HeldLock,
}

impl FileStore {
    /// Makes a store at this path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            lock_limit: LOCK_LIMIT,
            held: HeldLock::new(),
        }
    }

    /// Sets how long to wait for another process that refreshes, signs in or signs out; unless set,
    /// 40 s. The limit should be longer than the time limit of a request to the provider.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typed_hub::auth::FileStore;
    ///
    /// let store = FileStore::new("session.json").lock_limit(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn lock_limit(mut self, limit: Duration) -> Self {
        self.lock_limit = limit;
        self
    }
}

impl TokenStore for FileStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        read(self.path.clone(), "").await
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        let json = session.to_json()?;
        self.write(move |path| replace(path, &json)).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.write(remove).await
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        read(self.path.clone(), REDIRECT).await
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        let json = pending.to_json()?;
        self.write(move |path| replace(&beside(path, REDIRECT), &json))
            .await
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.write(|path| remove(&beside(path, REDIRECT))).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn lock(&self) -> Result<StoreLock, StoreError> {
        let path = self.path.clone();
        let path = move || Ok(beside(&resolve(&path)?, ".session.lock"));
        self.held.lock(self.lock_limit, path).await
    }
}

impl FileStore {
    /// Writes under the lock that admits one writer at a time across processes.
    async fn write(
        &self,
        work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let write = move || {
            let path = resolve(&path)?;
            let mut lock = LockFile::new(beside(&path, ".lock"));
            let _locked = try_until(WRITE_LOCK_LIMIT, || false, || lock.try_lock())?;
            work(&path)
        };
        let write = || write().map_err(|error: io::Error| StoreError::Write(error.kind()));
        self.held.write(write).await
    }
}

const REDIRECT: &str = ".redirect";

async fn read<R: Persist + Send + 'static>(
    path: PathBuf,
    suffix: &'static str,
) -> Result<Option<R>, StoreError> {
    let read = move || match resolve(&path).and_then(|path| contents(&beside(&path, suffix))) {
        Ok(json) => R::from_json(&json).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Read(error.kind())),
    };
    on_own_thread(read).await.map_err(StoreError::Read)?
}

/// Follows symbolic links, also to a file that does not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = folder_of(&path).join(target);
            }
            _ => return Ok(path),
        }
    }
    Err(ErrorKind::InvalidInput.into())
}

fn contents(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Checked before as well: opening a pipe waits for its other end.
    check_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check_regular(&metadata)?;
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    check_length(length)?;
    // One byte more than the file has, so that the buffer need not grow to find the end.
    let mut contents = Zeroizing::new(Vec::with_capacity(length.saturating_add(1)));
    let longest = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    file.take(longest.saturating_add(1))
        .read_to_end(&mut contents)?;
    check_length(contents.len())?;
    Ok(contents)
}

fn check_length(length: usize) -> io::Result<()> {
    if length <= MAX_FILE {
        Ok(())
    } else {
        Err(ErrorKind::FileTooLarge.into())
    }
}

/// Replaces the file. A rename is all or nothing: either the old file is there or the new one.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let path = &resolve(path)?;
    check_regular_or_absent(path)?;
    check_length(contents.len())?;
    let new = beside(path, ".new");
    remove_one(&new)?;
    let written = write_new(&new, contents).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_folder(path);
    Ok(())
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = owner_only().create_new(true).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Removes the file, and a replacement that a crash has left behind.
fn remove(path: &Path) -> io::Result<()> {
    let path = &resolve(path)?;
    check_regular_or_absent(path)?;
    remove_one(&beside(path, ".new"))?;
    remove_one(path)?;
    sync_folder(path);
    Ok(())
}

fn remove_one(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes the folder to the disk. The change is made already and cannot be undone, so an error is
/// no failure.
fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
