//! A real browser: Debian's chromium, driven over the `WebDriver` protocol.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::server::{Folder, PATIENCE, Server, free_port, wait_for_port};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// A browser with a profile of its own. When this is dropped it ends, and its profile is removed.
pub(crate) struct Chromium {
    /// The page it shows.
    pub(crate) tab: Client,
    _driver: Driver,
}

struct Driver {
    server: Server,
    port: u16,
    profile: Folder,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let driver = Driver::start();
        let switches = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let profile = format!("--user-data-dir={}", driver.profile.path().display());
        let switches: Vec<&str> = switches.into_iter().chain([&*profile]).collect();
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": switches },
        });
        let address = format!("http://127.0.0.1:{}", driver.port);
        let tab = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&address)
            .await
            .unwrap();
        Self {
            tab,
            _driver: driver,
        }
    }

    /// Opens a page, and waits until it is there.
    pub(crate) async fn open(&self, page: &str) {
        self.tab.goto(page).await.unwrap();
    }

    /// Waits for an element, and writes into it.
    pub(crate) async fn fill(&self, element: &str, text: &str) {
        let element = self.find(element).await;
        element.send_keys(text).await.unwrap();
    }

    /// Waits for an element, and clicks it.
    pub(crate) async fn click(&self, element: &str) {
        self.find(element).await.click().await.unwrap();
    }

    /// Waits for an element, and reads it.
    pub(crate) async fn text(&self, element: &str) -> String {
        let since = Instant::now();
        loop {
            match self.find(element).await.text().await {
                Ok(text) => return text,
                // The page has been left meanwhile.
                Err(error) => assert!(since.elapsed() < PATIENCE, "{element}: {error}"),
            }
        }
    }

    /// Waits until the address begins so.
    pub(crate) async fn arrives_at(&self, address: &str) {
        let since = Instant::now();
        loop {
            let url = self.tab.current_url().await;
            if matches!(&url, Ok(url) if url.as_str().starts_with(address)) {
                return;
            }
            let path = url.map(|url| url.path().to_owned());
            let late = since.elapsed() > PATIENCE;
            assert!(!late, "it is at {path:?}, not at {address}");
            tokio::time::sleep(PERIOD).await;
        }
    }

    pub(crate) async fn find(&self, element: &str) -> fantoccini::elements::Element {
        let since = Instant::now();
        loop {
            match self.tab.find(Locator::Css(element)).await {
                Ok(found) => return found,
                // It is not there yet, or a navigation has ended the search.
                Err(error) => assert!(since.elapsed() < PATIENCE, "no {element}: {error}"),
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// What a user does on the pages of oidc-provider.
impl Chromium {
    pub(crate) async fn log_in(&self, login: &str) {
        self.fill("input[name=login]", login).await;
        self.fill("input[name=password]", "any").await;
        self.click("button[type=submit]").await;
    }

    pub(crate) async fn consent(&self) {
        self.find("input[name=prompt][value=consent]").await;
        self.click("button[type=submit]").await;
    }
}

/// What a user does on the page of a Cognito user pool.
impl Chromium {
    pub(crate) async fn log_in_to_pool(&self, password: &str) {
        self.fill("input[name=username]", "ada").await;
        self.fill("input[name=password]", password).await;
        self.click("button[type=submit]").await;
    }
}

impl Driver {
    fn start() -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // With a group of their own, it and its browser can be ended together.
            .process_group(0);
        let driver = Self {
            server: Server::start(&mut command),
            port,
            profile: Folder::new(&format!("chromium-{port}")),
        };
        wait_for_port(port, "chromedriver");
        driver
    }

    /// Has the driver end its browser, and then itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let host = format!("Host: 127.0.0.1:{}", self.port);
        write!(
            stream,
            "GET /shutdown HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shut_down();
        // Whatever is left of them.
        let group = format!("-{}", self.server.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
    }
}
