//! Messages that a relay has not sent, on a real NATS server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::time::sleep;
use typed_hub::relay::{
    Broker, Guarantee, JetStreamBroker, NatsBroker, RelayEvent, RelayOptions, Remote, Unreadable,
};

use crate::nats_server::NatsServer;
use crate::nats_world::*;

const LARGE: &str = "max_payload: 64MB";

/// A client that knows nothing of relays.
struct Stranger(async_nats::Client);

impl Stranger {
    async fn new(server: &NatsServer) -> Self {
        Self(async_nats::connect(server.url()).await.unwrap())
    }

    async fn send(&self, headers: &[(&str, &str)], payload: impl Into<Bytes>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let sent = if headers.is_empty() {
            self.0.publish(SUBJECT, payload.into()).await
        } else {
            let payload = payload.into();
            self.0.publish_with_headers(SUBJECT, map, payload).await
        };
        sent.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Sends an event in binary mode.
    async fn event(&self, id: &str, source: &str, payload: impl Into<Bytes>) {
        self.send(&attributes(id, source), payload).await;
    }

    /// An event that can be read.
    async fn good(&self, number: u64) {
        let payload = serde_json::to_vec(&tick(number)).unwrap();
        self.event(&format!("plain {number}"), "good", payload)
            .await;
    }
}

fn attributes<'a>(id: &'a str, source: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", source),
        ("ce-type", "ticks"),
        ("content-type", "application/json"),
    ]
}

fn json(number: u64) -> Vec<u8> {
    serde_json::to_vec(&tick(number)).unwrap()
}

/// Sends bytes of the protocol itself, which no client library would.
fn raw(server: &NatsServer, headers: &[u8], payload: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let (header_bytes, all) = (headers.len(), headers.len() + payload.len());
    stream
        .write_all(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")
        .unwrap();
    write!(stream, "HPUB {SUBJECT} {header_bytes} {all}\r\n").unwrap();
    stream.write_all(headers).unwrap();
    stream.write_all(payload).unwrap();
    stream.write_all(b"\r\nPING\r\n").unwrap();
    let answers = BufReader::new(stream).lines();
    let answer = answers
        .map(Result::unwrap)
        .find(|line| !line.starts_with("INFO"));
    assert_eq!(answer.as_deref(), Some("PONG"), "the server takes it");
}

/// The reason of the next message that cannot be read.
async fn unreadable<B: Broker>(peer: &mut Peer<B>, what: &str) -> (Option<String>, Unreadable) {
    let is_it = |event: &RelayEvent| matches!(event, RelayEvent::Unreadable { .. });
    match peer.status(what, is_it).await {
        RelayEvent::Unreadable { origin, reason, .. } => (origin.map(|o| o.to_string()), reason),
        _ => unreachable!("it was chosen"),
    }
}

async fn messages_that_cannot_be_read<B: Broker>(connect: impl AsyncFn(&str) -> B) {
    let server = NatsServer::start_with(LARGE);
    let mut peer = Peer::importing(connect(&server.url()).await, "a").await;
    let stranger = Stranger::new(&server).await;
    let none = Unreadable::NotACloudEvent;
    let schema = |column| Unreadable::OtherSchema { line: 1, column };

    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let others: [(&str, &[(&str, &str)]); 3] = [
        ("no headers", &[]),
        ("the headers of others", &[("traceparent", "00-1-2-01")]),
        (
            "those of a server",
            &[("Nats-Sequence", "x"), ("Status", "503")],
        ),
    ];
    for (what, headers) in others {
        for payload in ["", "hello", "{}", "null", &nested] {
            stranger.send(headers, payload.to_owned()).await;
            assert_eq!(
                unreadable(&mut peer, what).await,
                (None, none.clone()),
                "{what}"
            );
        }
    }
    let all = attributes("1", "x");
    for left_out in 0..4 {
        let mut some = all.to_vec();
        let (name, _) = some.remove(left_out);
        stranger.send(&some, json(1)).await;
        let source = (name != "ce-source").then(|| "x".to_owned());
        let told = unreadable(&mut peer, name).await;
        if name == "ce-specversion" {
            // Its type says JSON, so that it is not an event in structured mode either.
            assert_eq!(told.1, none, "{name}");
        } else {
            assert_eq!(told, (source, none.clone()), "{name}");
        }
    }
    for wrong in ["%", "%4", "%zz", "%ff", "a%f"] {
        stranger.event("1", wrong, json(1)).await;
        assert_eq!(
            unreadable(&mut peer, wrong).await,
            (None, none.clone()),
            "{wrong}"
        );
        stranger.event(wrong, "x", json(1)).await;
        let named = (Some("x".to_owned()), none.clone());
        assert_eq!(unreadable(&mut peer, wrong).await, named, "{wrong}");
    }
    let structured = [("content-type", "application/cloudevents+json")];
    for payload in ["", "{}", r#"{"specversion":"1.0"}"#, &nested, "\u{feff}{}"] {
        stranger.send(&structured, payload.to_owned()).await;
        let told = unreadable(&mut peer, "structured").await;
        assert_eq!(told, (None, none.clone()), "{payload:.40}");
    }
    for payload in [
        &b"\xff\xfe"[..],
        b"{\"number\":1,\"text\":\"\xc3\x28\"}",
        b"\0",
    ] {
        stranger.event("1", "x", payload.to_vec()).await;
        let (_, reason) = unreadable(&mut peer, "not UTF-8").await;
        assert!(matches!(reason, Unreadable::OtherSchema { .. }), "{reason}");
    }
    stranger.event("1", "x", nested.clone()).await;
    let (_, reason) = unreadable(&mut peer, "depth").await;
    assert!(matches!(reason, Unreadable::OtherSchema { .. }), "{reason}");
    // A member that is not known is skipped, however deep.
    let deep = format!(r#"{{"number":1,"text":"","more":{nested}}}"#);
    stranger.event("1", "x", deep).await;
    peer.expect("x", [1]).await;
    stranger.event("1", "x", r#"{"number":1}"#).await;
    assert_eq!(unreadable(&mut peer, "a missing field").await.1, schema(12));

    messages_at_the_limits(peer, &stranger).await;
}

/// Large messages, and what is good beside what is bad.
async fn messages_at_the_limits<B: Broker>(mut peer: Peer<B>, stranger: &Stranger) {
    let none = Unreadable::NotACloudEvent;
    // As large as the server takes; of a stream, as large as it can read again.
    let is_durable = peer.relay.guarantee() == Guarantee::AtLeastOnce;
    let mebibytes = if is_durable { 31 } else { 64 };
    let large = vec![b' '; (mebibytes << 20) - 1_000];
    let bytes = large.len();
    stranger.event("1", "x", large.clone()).await;
    let told = unreadable(&mut peer, "a large message").await;
    assert_eq!(told.1, Unreadable::TooLarge { bytes });
    stranger.send(&[], large).await;
    assert_eq!(unreadable(&mut peer, "a large message").await.1, none);

    // What was bad has not harmed what is good.
    let more = r#"{"number":7,"text":"","added":{"later":[1]}}"#;
    stranger.event("1", "x", more).await;
    peer.expect("x", [7]).await;
    for time in [
        "9999-12-31T23:59:59Z",
        "0000-00-00",
        "1969-01-01T00:00:00Z",
        "🕰",
        "",
    ] {
        let mut headers = attributes("1", "x").to_vec();
        headers.push(("ce-time", time));
        stranger.send(&headers, json(8)).await;
        peer.expect("x", [8]).await;
    }
    stranger.good(1).await;
    peer.expect("good", [1]).await;
    let told = peer.told();
    assert!(
        told.iter()
            .all(|event| matches!(event, RelayEvent::CaughtUp { .. })),
        "nothing else is told: {told:?}"
    );
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn core_tells_messages_that_cannot_be_read() {
    messages_that_cannot_be_read(async |url| core(url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_tells_messages_that_cannot_be_read() {
    messages_that_cannot_be_read(async |url| jetstream(url).await).await;
}

/// Origins that lie, and many of them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn origins_that_lie_do_no_harm() {
    let server = NatsServer::start();
    let mut peer = Peer::importing(core(&server.url()).await, "a").await;
    let stranger = Stranger::new(&server).await;
    let run = "0123456789abcdef";
    let numbers = [5, u64::MAX, 0, 7, 3, u64::MAX - 1, 1 << 63, 8];
    for number in numbers {
        stranger
            .event(&format!("{run}-{number}"), "liar", json(number))
            .await;
    }
    stranger.good(2).await;
    let mut heard = Vec::new();
    loop {
        let event = peer.event().await;
        if event.origin.as_str() == "good" {
            break;
        }
        heard.push(event.event.number);
    }
    let told = peer.told();
    println!("of {numbers:?} were heard {heard:?}; told {told:?}");
    assert!(
        heard.len() >= 5,
        "an origin that lies is heard again: {heard:?}"
    );

    // Ids that look like those of a relay, and are not.
    for id in [
        "0123456789abcdef-",
        "0123456789ABCDEF-1",
        "0123456789abcdef-18446744073709551616",
        "0123456789abcdef-١",
        "0123456789abcdef--1",
        "-",
        "%00",
    ] {
        for _ in 0..2 {
            // An event without a number may be any event.
            stranger.event(id, "x", json(9)).await;
            peer.expect("x", [9]).await;
        }
    }
    // Names that would deceive a reader of a log.
    stranger
        .event("1", "a%0d%0a%1b[2J%E2%80%AEb", json(10))
        .await;
    assert_eq!(peer.event().await.origin.as_str(), "a???[2J?b");
    stranger.event("1", &"x".repeat(60_000), json(10)).await;
    assert_eq!(peer.event().await.origin.as_str().len(), 256);
    // The name of this process.
    stranger.event(&format!("{run}-1"), "a", json(11)).await;
    let in_use = |event: &RelayEvent| matches!(event, RelayEvent::OriginInUse { .. });
    peer.status("the origin is in use", in_use).await;
    stranger.good(3).await;
    peer.expect("good", [3]).await;
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn ten_thousand_origins_cost_no_memory_to_speak_of() {
    let server = NatsServer::start();
    let mut peer = Peer::importing(core(&server.url()).await, "a").await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let before = resident();
    for number in 0..10_000_u64 {
        let mut headers = HeaderMap::new();
        // Long names, of which 256 characters are kept.
        let source = format!("{number:0>2000}");
        let id = format!("{number:016x}-1");
        for (name, value) in attributes(&id, &source) {
            headers.insert(name, value);
        }
        let payload = json(number).into();
        client
            .publish_with_headers(SUBJECT, headers, payload)
            .await
            .unwrap();
        if number % 100 == 99 {
            client.flush().await.unwrap();
            // Read, so that only what the relay remembers is counted.
            for _ in 0..100 {
                peer.event().await;
            }
        }
    }
    let grown = resident().saturating_sub(before);
    println!("10,000 origins with names of 2,000 characters: {grown} KiB more");
    assert!(grown < 10_000, "{grown} KiB");
    Stranger(client).good(4).await;
    peer.expect("good", [4]).await;
    peer.close().await;
}

/// The memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

/// Messages that break the connection of the client, or that it takes for words of the server. A stream
/// keeps such a message: an importer has to get past it.
async fn poison<B: Broker>(connect: impl AsyncFn(&str) -> B) {
    let server = NatsServer::start();
    let broker = connect(&server.url()).await;
    let guarantee = broker.guarantee();
    let mut peer = Peer::importing(broker, "a").await;
    let stranger = Stranger::new(&server).await;
    let poisons: [&[u8]; 9] = [
        b"NATS/1.0\r\nce-id: \xff\xfe\r\n\r\n",
        b"NATS/2.0\r\n\r\n",
        b"garbage",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0\r\nna me: x\r\n\r\n",
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
        b"NATS/1.0 408 Request Timeout\r\n\r\n",
        b"NATS/1.0 abc\r\n\r\n",
    ];
    for (number, poison) in (10..).step_by(10).zip(poisons) {
        let shown = String::from_utf8_lossy(poison);
        stranger.good(number).await;
        peer.expect("good", [number]).await;
        raw(&server, poison, b"{}");
        if guarantee == Guarantee::AtMostOnce {
            // The connection breaks, and is made again.
            sleep(Duration::from_millis(300)).await;
        }
        stranger.good(number + 1).await;
        let began = std::time::Instant::now();
        peer.expect("good", [number + 1]).await;
        let told = peer.told();
        println!("{shown:?}: {:?}, {told:?}", began.elapsed());
        if guarantee == Guarantee::AtLeastOnce {
            let is_told = told
                .iter()
                .any(|event| matches!(event, RelayEvent::Unreadable { .. }));
            assert!(is_told, "{shown:?} is told as unreadable: {told:?}");
        }
    }
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn core_survives_messages_that_break_the_connection() {
    poison(async |url| core(url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_gets_past_messages_that_break_the_connection() {
    poison(async |url| jetstream(url).await).await;
}

/// An event as large as the server takes, and one byte more, with its headers.
async fn at_the_limit<B: Broker>(connect: impl AsyncFn(&str) -> B) {
    const LIMIT: usize = 1 << 20;
    let server = NatsServer::start();
    let mut importer = Peer::try_new(
        connect(&server.url()).await,
        RelayOptions::builder()
            .prefix("shop")
            .origin("a")
            .max_bytes(2 * LIMIT)
            .build(),
        unbounded(),
    )
    .await
    .unwrap();
    importer.relay.import::<Remote<Wire>>().await.unwrap();
    let mut exporter = Peer::exporting(connect(&server.url()).await, "b").await;
    let (mut sent, mut dropped) = (Vec::new(), 0);
    // The headers are some 200 bytes: the limit is somewhere among these.
    for (number, less) in (1..).zip((0..=1_000).step_by(50)) {
        let text = "x".repeat(LIMIT - less - 25);
        exporter.hub.publish::<Wire>(Tick { number, text });
        sent.push(number);
    }
    exporter.publish([1_000]);
    loop {
        let number = importer.event().await.event.number;
        if number == 1_000 {
            break;
        }
        sent.retain(|other| *other != number);
    }
    for event in exporter.told() {
        match event {
            RelayEvent::Dropped { missed, .. } => dropped += missed,
            RelayEvent::Connected => {}
            other => panic!("{other}"),
        }
    }
    println!("too large, and told: {dropped}");
    assert!(dropped > 0 && dropped < 21);
    assert_eq!(sent.len() as u64, dropped, "what does not arrive is told");
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn core_counts_the_headers_to_the_size() {
    at_the_limit(async |url| NatsBroker::connect(url, options()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_counts_the_headers_to_the_size() {
    at_the_limit(async |url| JetStreamBroker::connect(url, options()).await.unwrap()).await;
}

/// The file store of nats-server 2.9 takes messages of more than 32 MiB, and damages what is beside them when
/// they are read: what is lost of a relay's events is told.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_tells_what_a_message_that_the_server_cannot_read_has_cost() {
    const EVENTS: u64 = 60;
    let server = NatsServer::start_with(LARGE);
    let mut peer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    let stranger = Stranger::new(&server).await;
    exporter.publish([1]);
    peer.expect("b", [1]).await;
    let large = vec![b' '; (64 << 20) - 1_000];
    stranger.event("1", "x", large).await;
    for number in 2..=EVENTS {
        exporter.publish([number]);
        sleep(Duration::from_millis(10)).await;
    }
    let (mut received, mut told) = (1, 0);
    let end = std::time::Instant::now() + LIMIT;
    while received + told < EVENTS {
        assert!(
            std::time::Instant::now() < end,
            "{received} received, {told} told"
        );
        match tokio::time::timeout(Duration::from_millis(100), peer.events.recv_async()).await {
            Ok(_) => received += 1,
            Err(_) => told += lagged(&peer.told()),
        }
    }
    println!("of {EVENTS} events beside a message of 64 MiB {received} came, {told} were told");
    peer.close().await;
    exporter.close().await;
}
