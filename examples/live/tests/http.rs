//! What a page is told, over HTTP.

mod shop;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use live::Live;
use reqwest::StatusCode;
use serde_json::{Value, json};
use typed_hub::auth::{AuthClient, MemoryProvider};
use typed_hub::{Auth, Custom, Hub};

use shop::{Cart, CartEvent, Letters, PATIENCE, listen, open};

#[tokio::test]
async fn events_come_as_they_are_published() {
    let hub = Hub::new();
    let mut page = Page::open(open(&hub).await).await;

    hub.publish::<Custom<Cart>>(CartEvent::ItemAdded { sku: "tea" });
    hub.publish::<Custom<Letters>>("not to be shown".to_owned());
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    let lines: Vec<Value> = [page.line().await, page.line().await, page.line().await]
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();

    let fields = |field| -> Vec<_> { lines.iter().map(|line| line[field].clone()).collect() };
    assert_eq!(fields("channel"), ["cart", "letters", "cart"]);
    assert_eq!(
        fields("payload"),
        [
            json!({"itemAdded": {"sku": "tea"}}),
            Value::Null,
            json!("checkedOut"),
        ]
    );
    let sequences: Vec<_> = lines.iter().map(|line| line["sequence"].as_u64()).collect();
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
    for line in &lines {
        assert!(line["time"].as_u64() > Some(1_700_000_000_000), "{line}");
        let source = line["source"].as_str().unwrap();
        assert!(source.starts_with("tests/http.rs:"), "{line}");
    }
    assert_eq!(
        lines[1]["type"],
        "typed_hub::channel::Custom<http::shop::Letters>"
    );
}

#[tokio::test]
async fn the_report_counts_what_listeners_get() {
    let hub = Hub::new();
    let address = open(&hub).await;
    let till = hub.listener::<Custom<Cart>>().name("till").listen(|_| ());
    let report = async || -> Value {
        hub.flush();
        let answer = reqwest::get(format!("http://{address}/report")).await;
        answer.unwrap().json().await.unwrap()
    };
    let cart = report().await["channels"][0].clone();
    assert_eq!(cart["listeners"].as_array().unwrap().len(), 1);
    assert_eq!(cart["listeners"][0]["delivered"], 0);

    let page = Page::open(address).await;
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    let cart = report().await["channels"][0].clone();
    assert_eq!(
        (&cart["name"], &cart["published"]),
        (&json!("cart"), &json!(1))
    );
    for (listener, name) in ["till", "an open page"].iter().enumerate() {
        assert_eq!(cart["listeners"][listener]["name"], *name);
        assert_eq!(cart["listeners"][listener]["delivered"], 1);
    }
    let picture = reqwest::get(format!("http://{address}/report.dot")).await;
    let picture = picture.unwrap().text().await.unwrap();
    assert!(picture.contains("an open page"), "{picture}");
    drop((page, till));
}

#[tokio::test]
async fn the_source_of_auth_events_is_no_path_of_this_machine() {
    let hub = Hub::new();
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub.clone(), pool).unwrap();
    let address = Live::of(&hub).shows::<Auth>().open(0).await.unwrap();
    let mut page = Page::open(address).await;
    let _done = client.sign_in("ada", "correct horse").await.unwrap();
    let line: Value = serde_json::from_str(&page.line().await).unwrap();
    assert_eq!(line["source"], "Auth");
    assert_eq!(line["payload"]["event"], "signedIn");
    let report = reqwest::get(format!("http://{address}/report")).await;
    let report: Value = report.unwrap().json().await.unwrap();
    assert_eq!(report["channels"][0]["publishers"], json!(["Auth"]));
}

#[tokio::test]
async fn a_page_that_closes_takes_its_listener_along() {
    let hub = Hub::new();
    let address = open(&hub).await;
    let _channel = hub.publisher::<Custom<Cart>>();
    let pages_open = [Page::open(address).await, Page::open(address).await];
    listen(&hub, 2).await;
    // Nothing is published that the server could fail to send.
    let [first, second] = pages_open;
    drop(first);
    listen(&hub, 1).await;
    drop(second);
    listen(&hub, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_read_stops_no_publisher_and_is_told_what_it_has_lost() {
    const LETTERS: u64 = 4 * live::CAPACITY as u64;

    let hub = Hub::new();
    let address = open(&hub).await;
    let letters = hub.publisher::<Custom<Letters>>();
    let mut stream = ask(address, "/events", &address.to_string());
    listen(&hub, 1).await;
    // More than the sockets take in, since the payload of `cart` is sent.
    let sku: &'static str = String::leak("a".repeat(10_000));
    for _ in 0..LETTERS {
        hub.publish::<Custom<Cart>>(CartEvent::ItemAdded { sku });
    }
    letters.publish("the last".to_owned());
    hub.flush();

    let answer = thread::spawn(move || read_to(&mut stream, LETTERS + 1)).join();
    let (told, lost) = answer.unwrap();
    assert!(lost > 0, "the page has kept up: the test shows nothing");
    assert_eq!(told + lost, LETTERS + 1);
}

#[tokio::test]
async fn a_page_does_not_keep_its_hub_alive_and_says_when_it_has_ended() {
    let hub = Hub::new();
    let address = open(&hub).await;
    let mut page = Page::open(address).await;
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    drop(hub);
    assert!(page.line().await.contains("checkedOut"));
    for path in ["/report", "/events", "/report.dot"] {
        let answer = reqwest::get(format!("http://{address}{path}")).await;
        assert_eq!(answer.unwrap().status(), StatusCode::GONE, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_this_machine_is_answered() {
    let address = open(&Hub::new()).await;
    assert!(address.ip().is_loopback());
    for (host, status) in [
        (address.to_string(), "200"),
        (format!("localhost:{}", address.port()), "200"),
        (format!("a.example:{}", address.port()), "421"),
        ("127.0.0.1.a.example".to_owned(), "421"),
        ("127.0.0.1@a.example".to_owned(), "421"),
        (String::new(), "421"),
    ] {
        let mut answer = [0; 12];
        ask(address, "/", &host).read_exact(&mut answer).unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes(), "{host}");
    }
}

/// A page's stream of events.
struct Page {
    answer: reqwest::Response,
    text: String,
}

impl Page {
    async fn open(address: SocketAddr) -> Self {
        let answer = reqwest::get(format!("http://{address}/events"))
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The data of the next event, which is a line.
    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let line = event.strip_prefix("event: line\ndata: ").unwrap();
                return line.trim_end().to_owned();
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await;
            let chunk = chunk.expect("nothing comes").unwrap();
            let chunk = chunk.expect("the events end").to_vec();
            self.text.push_str(&String::from_utf8(chunk).unwrap());
        }
    }
}

/// Asks for a path of the host with this name, and reads nothing.
fn ask(address: SocketAddr, path: &str, host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    stream
}

/// Reads slowly until so many events have been told or told as lost.
fn read_to(stream: &mut TcpStream, events: u64) -> (u64, u64) {
    let (mut told, mut lost) = (0, 0);
    let since = Instant::now();
    let mut text = String::new();
    let mut buffer = vec![0; 1 << 20];
    while told + lost < events {
        let read = stream.read(&mut buffer).unwrap();
        // What keeps the connection alive is read too.
        let ends = read == 0 || since.elapsed() > PATIENCE;
        assert!(!ends, "{told} told and {lost} lost of {events}");
        text.push_str(str::from_utf8(&buffer[..read]).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            if event.contains("event: line") {
                told += 1;
            } else if let Some((_, count)) = event.split_once("event: lost\ndata: ") {
                lost += count.parse::<u64>().unwrap();
            }
            text = rest.to_owned();
        }
        thread::sleep(Duration::from_millis(1));
    }
    (told, lost)
}
