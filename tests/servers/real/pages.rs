//! Does with plain requests what a user does in a browser on the provider's pages.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::{ClientConfig, RootCertStore};

/// A client that follows no redirect, for plain HTTP. Its TLS is that of `ring` and trusts no
/// certificate: `reqwest` alone would bring a second implementation, or take one that is global to
/// the process.
pub(crate) fn plain_client() -> Client {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls);
    client.redirect(Policy::none()).build().unwrap()
}

pub(crate) struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    back: String,
}

impl Browser {
    /// One that stops where it is sent back to the application.
    pub(crate) fn new(back: &str) -> Self {
        Self {
            client: plain_client(),
            cookies: BTreeMap::new(),
            back: back.to_owned(),
        }
    }

    /// Opens the page, signs in, consents, and returns the URL it comes back with.
    pub(crate) async fn sign_in(&mut self, page: &str, login: &str) -> String {
        let mut at = self.open(page).await;
        for _ in 0..3 {
            let (url, body) = match at {
                Opened::Back(url) => return url,
                Opened::Page(url, body) => (url, body),
            };
            let prompt = attribute(&body, r#"name="prompt" value=""#);
            let form = format!("prompt={prompt}&login={login}&password=any");
            let action = attribute(&body, r#"action=""#);
            at = self.post(url.join(&action).unwrap(), form).await;
        }
        match at {
            Opened::Back(url) => url,
            Opened::Page(url, body) => panic!("still at {url}: {body}"),
        }
    }

    /// Opens the page, declines, and returns the URL it comes back with.
    pub(crate) async fn decline(&mut self, page: &str) -> String {
        let Opened::Page(url, _) = self.open(page).await else {
            panic!("there is nothing to decline")
        };
        let abort = format!("{url}/abort");
        match self.open(&abort).await {
            Opened::Back(url) => url,
            Opened::Page(url, body) => panic!("still at {url}: {body}"),
        }
    }

    async fn open(&mut self, url: &str) -> Opened {
        let request = self.client.get(url).header("cookie", self.cookie());
        let response = request.send().await.unwrap();
        self.follow(response).await
    }

    async fn post(&mut self, url: Url, form: String) -> Opened {
        let request = self.client.post(url).header("cookie", self.cookie());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form).send().await.unwrap();
        self.follow(response).await
    }

    async fn follow(&mut self, mut response: Response) -> Opened {
        loop {
            for cookie in response.headers().get_all("set-cookie") {
                let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = cookie.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let url = response.url().clone();
            let Some(next) = response.headers().get("location") else {
                return Opened::Page(url, response.text().await.unwrap());
            };
            let next = next.to_str().unwrap();
            if next.starts_with(&self.back) {
                return Opened::Back(next.to_owned());
            }
            let next = url.join(next).unwrap();
            let request = self.client.get(next).header("cookie", self.cookie());
            response = request.send().await.unwrap();
        }
    }

    fn cookie(&self) -> String {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }
}

enum Opened {
    Back(String),
    Page(Url, String),
}

fn attribute(body: &str, before: &str) -> String {
    let (_, rest) = body
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {body}"));
    rest.split('"').next().unwrap().to_owned()
}
