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

/// How long to wait for another writer, who has a few milliseconds' work; and between two looks.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// Keeps the session in a file, as JSON, which on Unix only its owner can read. Its clones, and all
/// stores of the same path, are one store.
///
/// Beside it, under names of their own, lie the sign-in by redirect that is under way
/// (`<path>.redirect`), an empty file that lets one writer in at a time (`<path>.lock`), and while
/// something is written, what is going to replace the file (`<path>.new`, `<path>.redirect.new`).
/// The folder must exist.
///
/// A file is replaced as a whole: whenever the process or the machine stops, either the old or the
/// new one is there. What such a stop leaves behind, the next `save` or `clear` removes.
///
/// A file that cannot be understood is [`StoreError::Read`] of
/// [`InvalidData`](io::ErrorKind::InvalidData). It stays as it is until it is replaced by `save` or
/// removed by `clear`; both always work on it.
///
/// The tokens are not encrypted: whoever can read the user's files can read them. Where the system
/// has a keyring, prefer `KeyringStore`.
///
/// The methods read and write at once, on the thread that polls them. The files are small. Should
/// another process hold the lock for as long as 5 s, that is [`StoreError::Write`] of
/// [`TimedOut`](io::ErrorKind::TimedOut).
///
/// Several processes may write the same file, and each finds it whole. But a client reads its store
/// once and then relies on being the only one that writes: where the provider replaces refresh
/// tokens, two processes that share a session end it for each other. Give each a file of its own,
/// or let one ask for the others.
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
    /// A store at this path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn redirect(&self) -> PathBuf {
        beside(&self.path, ".redirect")
    }

    /// Lets one writer in at a time, of this process and of others, for as long as the file is
    /// open.
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
    // One more than there is, so that the buffer need not grow to find the end.
    let mut contents = Zeroizing::new(Vec::new());
    contents.try_reserve_exact(length.saturating_add(1))?;
    file.read_to_end(&mut contents)?;
    Ok(contents)
}

/// The old file or the new one: renaming is all or nothing.
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

/// The file, and what a crash has left of its successor.
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

/// Nobody else may read the file, from its first byte on.
fn owner_only() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The folder is written to the disk. The change is made already and cannot be taken back, so a
/// file system that cannot do this is no failure.
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
