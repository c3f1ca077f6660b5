//! The session in a file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;

use super::error::StoreError;
use super::record::Persist;
use super::store::{PendingRedirect, Session, TokenStore};

/// How long to wait for the lock, and between two attempts. A writer holds it for a few
/// milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// Keeps the session in a file, as JSON. On Unix, only the owner can read it. All stores of the
/// same path are one store.
///
/// Next to it are the sign-in by redirect in progress (`<path>.redirect`), an empty lock file that
/// admits one writer at a time (`<path>.lock`), and, during a write, the replacement of the file
/// (`<path>.new`, `<path>.redirect.new`). The folder must exist.
///
/// A file is replaced as a whole: if the process or the machine stops, either the old or the new
/// file is there. The next `save` or `clear` removes any remains.
///
/// A file that cannot be parsed is [`StoreError::Read`] of
/// [`InvalidData`](io::ErrorKind::InvalidData). It stays until `save` replaces it or `clear`
/// removes it.
///
/// The tokens are not encrypted: any program that can read the user's files can read them. If the
/// system has a keyring, prefer `KeyringStore`.
///
/// The methods block the thread that polls them; the files are small. If another process holds the
/// lock for 5 s, the result is [`StoreError::Write`] of [`TimedOut`](io::ErrorKind::TimedOut).
///
/// Several processes may write the same file, and each finds it complete. But a client reads its
/// store once and then relies on being its only writer: if the provider rotates refresh tokens, two
/// processes that share a session end it for each other. Give each process its own file, or let one
/// process refresh for the others.
///
/// ```
/// use typed_hub::auth::{FileStore, TokenStore};
///
/// let store = FileStore::new(std::env::temp_dir().join("typed-hub-example.json"));
/// assert_eq!(pollster::block_on(store.load()), Ok(None));
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// Makes a store at this path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn redirect(&self) -> PathBuf {
        beside(&self.path, ".redirect")
    }

    /// Takes the lock, which admits one writer at a time across processes, until the file is
    /// closed.
    fn locked(&self) -> io::Result<File> {
        let mut options = owner_only();
        let lock = options.create(true).open(beside(&self.path, ".lock"))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(LOCK_RETRY);
                }
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn replace(&self, path: &Path, record: &impl Persist) -> Result<(), StoreError> {
        let json = record.to_json()?;
        self.locked()
            .and_then(|_lock| replace(path, &json))
            .map_err(|error| StoreError::Write(error.kind()))
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        self.locked()
            .and_then(|_lock| remove(path))
            .map_err(|error| StoreError::Write(error.kind()))
    }
}

impl TokenStore for FileStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        read(&self.path)
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.replace(&self.path, session)
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.remove(&self.path)
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        read(&self.redirect())
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.replace(&self.redirect(), pending)
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.remove(&self.redirect())
    }
}

fn read<R: Persist>(path: &Path) -> Result<Option<R>, StoreError> {
    let json = match contents(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| StoreError::Read(error.kind()))?,
    };
    R::from_json(&json).map(Some)
}

fn contents(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    // One byte more than the file has, so that the buffer need not grow to find the end.
    let mut contents = Zeroizing::new(Vec::new());
    contents.try_reserve_exact(length.saturating_add(1))?;
    file.read_to_end(&mut contents)?;
    Ok(contents)
}

/// Replaces the file. A rename is all or nothing: either the old file is there or the new one.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    remove_one(&new)?;
    let written = write(&new, contents).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_folder(path);
    Ok(())
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = owner_only().create_new(true).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Removes the file, and a replacement that a crash has left behind.
fn remove(path: &Path) -> io::Result<()> {
    remove_one(&beside(path, ".new"))?;
    remove_one(path)?;
    sync_folder(path);
    Ok(())
}

fn remove_one(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Options of a file that only its owner may read, from the first byte on.
fn owner_only() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes the folder to the disk. The change is made already and cannot be undone, so an error is
/// no failure.
fn sync_folder(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
