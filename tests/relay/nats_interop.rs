//! A client in another language reads and writes the events of relays.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use typed_hub::relay::Broker;

use crate::nats_server::NatsServer;
use crate::nats_world::*;

fn python(server: &NatsServer, arguments: &[&str]) -> Child {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new(root.join("target/servers/nats-py/bin/python"))
        .arg(root.join("tests/relay/client.py"))
        .arg(server.url())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/servers/install has installed it")
}

async fn speaks_with_python<B: Broker>(connect: impl AsyncFn(&str) -> B) {
    let server = NatsServer::start();
    let exporter = Peer::exporting(connect(&server.url()).await, "b").await;
    let mut importer = Peer::importing(connect(&server.url()).await, "a").await;

    let mut reader = python(&server, &["read"]);
    let mut said = BufReader::new(reader.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let text = "ünïcode \"quoted\"".to_owned();
    exporter.hub.publish::<Wire>(Tick { number: 7, text });
    let mut read = String::new();
    said.read_to_string(&mut read).unwrap();
    assert!(reader.wait().unwrap().success());
    let read: Value = serde_json::from_str(&read).unwrap();
    println!("Python has read {read}");
    assert_eq!(read["data"]["number"], 7);
    assert_eq!(read["data"]["text"], "ünïcode \"quoted\"");
    let header = |name: &str| read["headers"][name].as_str().unwrap();
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-source"), "b");
    assert_eq!(header("ce-type"), "ticks");
    assert_eq!(header("content-type"), "application/json");
    assert!(header("ce-id").ends_with("-1"));
    assert!(humantime::parse_rfc3339(header("ce-time")).is_ok());
    importer.expect("b", [7]).await;

    let modes = [
        ("binary", "https://example.com/café", 41),
        ("structured", "/python", 42),
    ];
    for (mode, origin, number) in modes {
        let mut writer = python(&server, &["write", mode]);
        assert!(writer.wait().unwrap().success());
        let event = importer.event().await;
        println!("Python has sent {:?}", &*event);
        assert_eq!(
            (event.origin.as_str(), event.event.number),
            (origin, number),
            "{mode}"
        );
    }
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats and nats-py: tests/run servers sets them up"]
async fn core_speaks_with_a_client_in_python() {
    speaks_with_python(async |url| core(url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats and nats-py: tests/run servers sets them up"]
async fn jetstream_speaks_with_a_client_in_python() {
    speaks_with_python(async |url| jetstream(url).await).await;
}
