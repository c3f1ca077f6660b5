//! What every token store promises, asked of each of them; and what a file and a keyring promise
//! besides.

use std::fmt::Debug;
use std::thread;

use pollster::block_on;
use typed_hub::auth::{MemoryStore, TokenStore};

use crate::token_store::{self, session};

/// The promises of every store, and those to several threads.
fn contract<S: TokenStore + Debug>(open: impl Fn() -> S + Sync) {
    block_on(token_store::contract(&open));

    // Several handles at once: what is read is what one of them has written, and whole.
    thread::scope(|scope| {
        for writer in 0..4 {
            let open = &open;
            scope.spawn(move || {
                let store = open();
                for _ in 0..10 {
                    block_on(store.save(&session(&writer.to_string()))).unwrap();
                    let read = block_on(store.load()).unwrap().unwrap();
                    assert_eq!(read, session(&read.user.user_id));
                }
            });
        }
    });
    clear_all(&open());
    assert_eq!(block_on(open().load()), Ok(None));
}

fn clear_all(store: &impl TokenStore) {
    block_on(token_store::clear_all(store));
}

#[test]
fn memory() {
    let store = MemoryStore::new();
    contract(|| store.clone());
}

#[cfg(feature = "keyring")]
pub(crate) mod keyring {
    use std::env;
    use std::io::ErrorKind;
    use std::process::Command;
    use std::sync::{Arc, Once};

    use keyring_core::{CredentialStore, Entry, Error, mock};
    use typed_hub::auth::{KeyringStore, StoreError};

    use super::*;
    use crate::token_store::SECRET;

    const REAL: &str = "TYPED_HUB_TEST_KEYRING";
    const SERVICE: &str = "typed-hub-test";

    /// A keyring in memory, but for the test that has brought a real one.
    pub(crate) fn keyring() {
        static CHOSEN: Once = Once::new();
        CHOSEN.call_once(|| {
            if env::var_os(REAL).is_none() {
                keyring_core::set_default_store(mock::Store::new().unwrap());
            }
        });
    }

    /// The entry of an account, past the `KeyringStore`.
    fn entry(account: &str) -> Entry {
        let store = keyring_core::get_default_store().unwrap_or_else(real_keyring);
        store.build(SERVICE, account, None).unwrap()
    }

    #[cfg(target_os = "linux")]
    fn real_keyring() -> Arc<CredentialStore> {
        zbus_secret_service_keyring_store::Store::new().unwrap()
    }

    #[cfg(not(target_os = "linux"))]
    fn real_keyring() -> Arc<CredentialStore> {
        unreachable!("`{REAL}` is set on Linux alone")
    }

    #[test]
    fn contract() {
        keyring();
        super::contract(|| KeyringStore::new(SERVICE, "ada"));
    }

    /// Some keyrings have a runtime inside, which panics when it is entered from within another.
    #[tokio::test]
    async fn it_can_be_asked_from_within_a_runtime() {
        keyring();
        let store = KeyringStore::new(SERVICE, "within");
        store.save(&session("x")).await.unwrap();
        assert_eq!(store.load().await, Ok(Some(session("x"))));
        store.clear().await.unwrap();
        assert_eq!(store.load().await, Ok(None));
    }

    #[test]
    fn accounts_and_services_do_not_mix() {
        keyring();
        let stores = [
            KeyringStore::new(SERVICE, "one"),
            KeyringStore::new(SERVICE, "two"),
            KeyringStore::new("typed-hub-test-2", "one"),
        ];
        for (number, store) in stores.iter().enumerate() {
            block_on(store.save(&session(&number.to_string()))).unwrap();
        }
        for (number, store) in stores.iter().enumerate() {
            let read = block_on(store.load()).unwrap();
            assert_eq!(read, Some(session(&number.to_string())));
            clear_all(store);
        }
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_until_it_is_replaced_or_removed() {
        keyring();
        let store = KeyringStore::new(SERVICE, "corrupt");
        for contents in [&b""[..], b"{}", b"\xff\xfe", br#"{"access":"s3cret"#] {
            // Some keyrings take an empty entry for none.
            if !contents.is_empty() {
                entry("corrupt").set_secret(contents).unwrap();
                let error = block_on(store.load()).unwrap_err();
                assert_eq!(error, StoreError::Read(ErrorKind::InvalidData));
                assert!(!format!("{error} {error:?}").contains(SECRET));
            }
            block_on(store.clear()).unwrap();
            assert_eq!(block_on(store.load()), Ok(None));
            entry("corrupt").set_secret(b"{").unwrap();
            block_on(store.save(&session("new"))).unwrap();
            assert_eq!(block_on(store.load()), Ok(Some(session("new"))));
        }
        clear_all(&store);
    }

    #[test]
    fn a_failure_is_typed_and_says_nothing_of_what_was_stored() {
        if env::var_os(REAL).is_some() {
            return;
        }
        keyring();
        let store = KeyringStore::new(SERVICE, "failing");
        block_on(store.save(&session("old"))).unwrap();
        let entry = entry("failing");
        let fail = |error| {
            let mock: &mock::Cred = entry.as_any().downcast_ref().unwrap();
            mock.set_error(error);
        };
        let locked = || Error::NoStorageAccess(SECRET.into());
        fail(locked());
        let error = block_on(store.load()).unwrap_err();
        assert_eq!(error, StoreError::Read(ErrorKind::PermissionDenied));
        fail(locked());
        let error = block_on(store.save(&session("new"))).unwrap_err();
        assert_eq!(error, StoreError::Write(ErrorKind::PermissionDenied));
        fail(Error::TooLong("secret".to_owned(), 2560));
        let error = block_on(store.save(&session("new"))).unwrap_err();
        assert_eq!(error, StoreError::Write(ErrorKind::FileTooLarge));
        fail(locked());
        let error = block_on(store.clear()).unwrap_err();
        assert_eq!(error, StoreError::Write(ErrorKind::PermissionDenied));
        fail(Error::BadEncoding(SECRET.into()));
        let error = block_on(store.load()).unwrap_err();
        assert_eq!(error, StoreError::Read(ErrorKind::InvalidData));
        assert_eq!(block_on(store.load()), Ok(Some(session("old"))));
    }

    /// The tests above, in a session bus of their own with a keyring that is unlocked.
    #[test]
    #[ignore = "needs dbus-run-session and gnome-keyring-daemon: tests/run servers sets it up"]
    fn secret_service() {
        const SESSION: &str = "printf password \
            | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
        let home = env::temp_dir().join(format!("typed-hub-keyring-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let output = Command::new("dbus-run-session")
            .args(["--", "sh", "-c", SESSION, "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--test-threads=1", "token_stores::keyring::"])
            .env(REAL, "1")
            .env("HOME", &home)
            .env("XDG_DATA_HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .output();
        let _ = std::fs::remove_dir_all(&home);
        let output = output.unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shown}\n{errors}");
        assert!(shown.contains("5 passed"), "{shown}\n{errors}");
    }
}

#[cfg(feature = "file-store")]
mod file {
    use std::env;
    use std::fs;
    use std::io::ErrorKind;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant, SystemTime};

    use typed_hub::auth::{AuthUser, FileStore, StoreError};

    use super::*;
    use crate::token_store::{SECRET, bare, redirect};

    /// A folder of its own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("typed-hub-stores-{}-{number}", std::process::id());
            let path = env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        fn store(&self) -> FileStore {
            FileStore::new(self.file("session.json"))
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> = names
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn contract() {
        let folder = Folder::new();
        super::contract(|| folder.store());
        assert_eq!(folder.names(), ["session.json.lock"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let store = folder.store();
        for _ in 0..2 {
            block_on(store.save(&session("mine"))).unwrap();
            block_on(store.save_redirect(&redirect("mine"))).unwrap();
            for name in folder.names() {
                let mode = fs::metadata(folder.file(&name))
                    .unwrap()
                    .permissions()
                    .mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
            }
            // Wider permissions are not taken over.
            for name in ["session.json", "session.json.new"] {
                fs::write(folder.file(name), "wide").unwrap();
                let wide = fs::Permissions::from_mode(0o666);
                fs::set_permissions(folder.file(name), wide).unwrap();
            }
        }
    }

    /// A crash in the course of a `save` leaves some first bytes of the new file beside the old.
    #[test]
    fn a_crash_at_any_byte_leaves_the_old_session() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("new"))).unwrap();
        let whole = fs::read(folder.file("session.json")).unwrap();
        for length in 0..=whole.len() {
            block_on(store.save(&session("old"))).unwrap();
            assert!(!folder.file("session.json.new").exists());
            fs::write(folder.file("session.json.new"), &whole[..length]).unwrap();
            assert_eq!(block_on(folder.store().load()), Ok(Some(session("old"))));
        }
        block_on(store.clear()).unwrap();
        assert_eq!(folder.names(), ["session.json.lock"], "a token is left");
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_until_it_is_replaced_or_removed() {
        let folder = Folder::new();
        let store = folder.store();
        let (session, redirect) = (session("x"), redirect("x"));
        block_on(store.save(&session)).unwrap();
        block_on(store.save_redirect(&redirect)).unwrap();
        let corrupt = Err(StoreError::Read(ErrorKind::InvalidData));
        let path = folder.file("session.json");
        let whole = fs::read(&path).unwrap();
        let mut contents: Vec<_> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        contents.extend([
            b"null".to_vec(),
            b"{}".to_vec(),
            vec![0xff; 100],
            vec![0; 100],
        ]);
        contents.push([&whole[..], b"x"].concat());
        for contents in contents {
            fs::write(&path, &contents).unwrap();
            assert_eq!(block_on(store.load()), corrupt);
            assert_eq!(fs::read(&path).unwrap(), contents, "it is left as it was");
            assert_eq!(block_on(store.load_redirect()), Ok(Some(redirect.clone())));
            block_on(store.save(&session)).unwrap();
            assert_eq!(block_on(store.load()), Ok(Some(session.clone())));
            fs::write(&path, &contents).unwrap();
            block_on(store.clear()).unwrap();
            assert_eq!(block_on(store.load()), Ok(None));
        }
        fs::write(folder.file("session.json.redirect"), &whole).unwrap();
        let error = block_on(store.load_redirect()).unwrap_err();
        assert_eq!(error, StoreError::Read(ErrorKind::InvalidData));
        assert!(!format!("{error} {error:?} {store:?}").contains(SECRET));
        block_on(store.clear_redirect()).unwrap();
        assert_eq!(block_on(store.load_redirect()), Ok(None));
    }

    #[test]
    fn a_session_without_the_details_of_its_sign_in_or_with_those_of_a_later_version_is_kept() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        let path = folder.file("session.json");
        let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut earlier = whole.clone();
        let details = earlier["user"]
            .as_object_mut()
            .unwrap()
            .remove("signInDetails");
        assert_eq!(details.unwrap()["authFlowType"], "USER_SRP_AUTH");
        let mut later = whole;
        later["user"]["signInDetails"]["authFlowType"] = "USER_PIGEON_AUTH".into();
        for stored in [earlier, later] {
            fs::write(&path, stored.to_string()).unwrap();
            let read = block_on(store.load()).unwrap().unwrap();
            assert_eq!(read.user, AuthUser::new("ada old", "old"));
            assert_eq!(read.tokens, session("old").tokens);
        }
    }

    #[test]
    fn a_time_that_cannot_be_written_down_is_an_error_and_the_old_is_kept() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        let mut early = session("new");
        early.tokens.received_at = SystemTime::UNIX_EPOCH - Duration::from_micros(1);
        let error = block_on(store.save(&early)).unwrap_err();
        assert_eq!(error, StoreError::Write(ErrorKind::InvalidInput));
        assert_eq!(block_on(store.load()), Ok(Some(session("old"))));
    }

    #[test]
    fn another_process_that_keeps_the_lock_is_not_waited_for_without_end() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        let lock = fs::File::open(folder.file("session.json.lock")).unwrap();
        lock.lock().unwrap();
        let late = Err(StoreError::Write(ErrorKind::TimedOut));
        let began = Instant::now();
        thread::scope(|scope| {
            let clear = scope.spawn(|| block_on(store.clear()));
            assert_eq!(block_on(store.save(&session("new"))), late);
            assert_eq!(clear.join().unwrap(), late);
        });
        assert!(began.elapsed() < Duration::from_secs(10), "it takes 5 s");
        assert_eq!(block_on(store.load()), Ok(Some(session("old"))));
        drop(lock);
        block_on(store.save(&session("new"))).unwrap();
    }

    #[cfg(unix)]
    mod links_and_special_files {
        use std::os::unix::fs::symlink;

        use typed_hub::Hub;
        use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};

        use super::*;

        /// `session.json` leads to `settings/target.json`, by way of another link.
        fn linked() -> (Folder, PathBuf) {
            let folder = Folder::new();
            let target = folder.file("settings").join("target.json");
            fs::create_dir(folder.file("settings")).unwrap();
            symlink("settings/target.json", folder.file("between.json")).unwrap();
            symlink(folder.file("between.json"), folder.file("session.json")).unwrap();
            (folder, target)
        }

        #[track_caller]
        fn are_links(folder: &Folder) {
            for name in ["session.json", "between.json"] {
                let link = fs::symlink_metadata(folder.file(name)).unwrap();
                assert!(link.is_symlink(), "{name}");
            }
        }

        #[test]
        fn a_session_is_written_read_and_removed_through_a_link() {
            let (folder, target) = linked();
            super::super::contract(|| folder.store());
            let (store, direct) = (folder.store(), FileStore::new(&target));
            block_on(store.save(&session("linked"))).unwrap();
            block_on(store.save_redirect(&redirect("linked"))).unwrap();
            are_links(&folder);
            assert_eq!(block_on(direct.load()), Ok(Some(session("linked"))));
            assert_eq!(
                block_on(direct.load_redirect()),
                Ok(Some(redirect("linked")))
            );
            clear_all(&store);
            assert!(!target.exists());
            are_links(&folder);
            let settings: Vec<_> = fs::read_dir(folder.file("settings")).unwrap().collect();
            assert_eq!(settings.len(), 1, "the lock, and no token: {settings:?}");
            assert_eq!(folder.names(), ["between.json", "session.json", "settings"]);
        }

        #[test]
        fn no_token_is_left_behind_a_link_after_a_sign_out() {
            let (folder, target) = linked();
            let client = |path: &Path| {
                let pool = MemoryProvider::new();
                pool.add_user("ada", "correct horse", []);
                AuthClient::builder()
                    .hub(Hub::new())
                    .provider(pool)
                    .store(FileStore::new(path))
                    .build()
                    .unwrap()
            };
            let _ = block_on(client(&target).sign_in("ada", "correct horse")).unwrap();
            let client = client(&folder.file("session.json"));
            assert!(block_on(client.current_user()).unwrap().is_some());
            block_on(client.sign_out(SignOutScope::ThisDevice)).unwrap();
            assert!(!target.exists(), "the tokens are still there");
        }

        /// The locks of a file are the same, whichever way leads to it.
        #[test]
        fn a_link_and_its_target_have_one_lock() {
            let (folder, target) = linked();
            let short = Duration::from_millis(50);
            let held = block_on(folder.store().lock()).unwrap();
            let direct = FileStore::new(target).lock_limit(short);
            let locked = block_on(direct.lock()).map(drop);
            assert_eq!(locked, Err(StoreError::Lock(ErrorKind::TimedOut)));
            drop(held);
            drop(block_on(direct.lock()).unwrap());
        }

        #[test]
        fn a_link_to_itself_is_an_error() {
            let folder = Folder::new();
            symlink("session.json", folder.file("session.json")).unwrap();
            let store = folder.store();
            let read = Err(StoreError::Read(ErrorKind::InvalidInput));
            assert_eq!(block_on(store.load()), read);
            let written = Err(StoreError::Write(ErrorKind::InvalidInput));
            assert_eq!(block_on(store.save(&session("x"))), written);
            assert_eq!(block_on(store.clear()), written);
        }

        #[test]
        fn only_a_regular_file_is_read_replaced_or_removed() {
            let folder = Folder::new();
            let pipe = folder.file("pipe");
            let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            let directory = folder.file("directory");
            fs::create_dir(&directory).unwrap();
            symlink("/dev/zero", folder.file("zero")).unwrap();
            symlink("/dev/null", folder.file("null")).unwrap();
            for name in ["pipe", "directory", "zero", "null"] {
                let path = folder.file(name);
                let store = FileStore::new(&path);
                let begun = Instant::now();
                let read = Err(StoreError::Read(ErrorKind::InvalidData));
                assert_eq!(block_on(store.load()), read, "{name}");
                assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
                // `check_replaceable` comes before any write, as the devices are the system's.
                if name == "zero" || name == "null" {
                    continue;
                }
                let written = Err(StoreError::Write(ErrorKind::InvalidData));
                assert_eq!(block_on(store.save(&session("x"))), written, "{name}");
                assert_eq!(block_on(store.clear()), written, "{name}");
                assert!(!fs::metadata(&path).unwrap().is_file(), "{name}");
            }
        }
    }

    #[test]
    fn a_file_of_more_than_a_mebibyte_is_neither_read_nor_written() {
        const MEBIBYTE: usize = 1024 * 1024;
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("small"))).unwrap();
        let path = folder.file("session.json");
        // JSON may end with spaces.
        let mut json = fs::read(&path).unwrap();
        json.resize(MEBIBYTE, b' ');
        fs::write(&path, &json).unwrap();
        assert_eq!(block_on(store.load()), Ok(Some(session("small"))));
        json.push(b' ');
        fs::write(&path, &json).unwrap();
        let long = Err(StoreError::Read(ErrorKind::FileTooLarge));
        assert_eq!(block_on(store.load()), long);
        block_on(store.save(&session("small"))).unwrap();

        let written = Err(StoreError::Write(ErrorKind::FileTooLarge));
        let large = bare(&"x".repeat(MEBIBYTE));
        assert_eq!(block_on(store.save(&large)), written);
        assert_eq!(block_on(store.load()), Ok(Some(session("small"))));
        assert_eq!(folder.names(), ["session.json", "session.json.lock"]);
    }

    /// A file system may take its time.
    #[test]
    fn the_executor_goes_on_while_a_file_is_waited_for() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        let lock = fs::File::open(folder.file("session.json.lock")).unwrap();
        lock.lock().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let saves = tokio::spawn(async move { store.save(&session("new")).await });
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!saves.is_finished());
            lock.unlock().unwrap();
            assert_eq!(saves.await.unwrap(), Ok(()));
        });
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = Folder::new();
        let store = FileStore::new(folder.file("missing").join("session.json"));
        assert_eq!(block_on(store.load()), Ok(None));
        let error = Err(StoreError::Write(ErrorKind::NotFound));
        assert_eq!(block_on(store.save(&session("x"))), error);
        fs::write(folder.file("file"), "").unwrap();
        let store = FileStore::new(folder.file("file").join("session.json"));
        let error = Err(StoreError::Write(ErrorKind::NotADirectory));
        assert_eq!(block_on(store.save(&session("x"))), error);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_a_missing_one() {
        let folder = Folder::new();
        let store = folder.store();
        // Folders in the place of files: neither root nor anyone else can read them as files.
        fs::create_dir(folder.file("session.json")).unwrap();
        fs::create_dir(folder.file("session.json.redirect")).unwrap();
        let is_read =
            |error| matches!(error, StoreError::Read(kind) if kind != ErrorKind::NotFound);
        assert!(is_read(block_on(store.load()).unwrap_err()));
        assert!(is_read(block_on(store.load_redirect()).unwrap_err()));
        let is_write = |error| matches!(error, StoreError::Write(_));
        assert!(
            is_write(block_on(store.clear()).unwrap_err()),
            "it is still there"
        );
        assert!(is_write(block_on(store.clear_redirect()).unwrap_err()));
        assert!(is_write(block_on(store.save(&session("x"))).unwrap_err()));
        assert_eq!(
            folder.names(),
            ["session.json", "session.json.lock", "session.json.redirect"],
            "what was to replace it is removed"
        );

        fs::write(folder.file("file"), "").unwrap();
        let store = FileStore::new(folder.file("file").join("session.json"));
        let error = Err(StoreError::Read(ErrorKind::NotADirectory));
        assert_eq!(block_on(store.load()), error);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_permission_to_read_is_an_error_and_not_a_missing_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("mine"))).unwrap();
        let path = folder.file("session.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o200)).unwrap();
        // Root can read it all the same.
        if fs::read(&path).is_err() {
            let denied = Err(StoreError::Read(ErrorKind::PermissionDenied));
            assert_eq!(block_on(store.load()), denied);
        }
        block_on(store.save(&session("new"))).unwrap();
        assert_eq!(block_on(store.load()), Ok(Some(session("new"))));
    }

    #[test]
    fn a_write_that_fails_keeps_the_old() {
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        // A folder of that name is in the way, for root as well.
        fs::create_dir(folder.file("session.json.new")).unwrap();
        let error = block_on(store.save(&session("new"))).unwrap_err();
        assert!(matches!(error, StoreError::Write(_)), "{error:?}");
        assert_eq!(block_on(store.load()), Ok(Some(session("old"))));
        fs::remove_dir(folder.file("session.json.new")).unwrap();
        block_on(store.save(&session("new"))).unwrap();
        assert_eq!(block_on(store.load()), Ok(Some(session("new"))));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_keeps_the_old() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let store = folder.store();
        block_on(store.save(&session("old"))).unwrap();
        let mode = |mode| fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o500);
        // Root can write there all the same.
        if fs::write(folder.file("probe"), "").is_err() {
            let denied = Err(StoreError::Write(ErrorKind::PermissionDenied));
            assert_eq!(block_on(store.save(&session("new"))), denied);
            assert_eq!(block_on(store.clear()), denied);
            assert_eq!(block_on(store.load()), Ok(Some(session("old"))));
        }
        mode(0o700);
    }

    const VICTIM: &str = "TYPED_HUB_TEST_VICTIM";

    /// Run by the test below, to be killed.
    #[test]
    #[ignore = "saves without end: a part of the test below"]
    fn saves_without_end() {
        let Some(path) = env::var_os(VICTIM) else {
            return;
        };
        let store = FileStore::new(Path::new(&path));
        for number in 0_u64.. {
            block_on(store.save(&session(&number.to_string()))).unwrap();
        }
    }

    #[test]
    fn a_process_that_is_killed_leaves_a_whole_session() {
        let folder = Folder::new();
        let store = folder.store();
        for round in 0..10 {
            let mut victim = Command::new(env::current_exe().unwrap())
                .args([
                    "--ignored",
                    "--exact",
                    "token_stores::file::saves_without_end",
                ])
                .env(VICTIM, folder.file("session.json"))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            while block_on(store.load()).unwrap().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_micros(3_700 * round));
            victim.kill().unwrap();
            victim.wait().unwrap();
            let read = block_on(store.load()).unwrap().unwrap();
            assert_eq!(read, session(&read.user.user_id));
            block_on(store.clear()).unwrap();
            assert_eq!(folder.names(), ["session.json.lock"]);
        }
    }
}
