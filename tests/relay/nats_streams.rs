//! Streams of a real NATS server that are not as a relay has made them.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use tokio::time::{sleep, timeout};
use typed_hub::Hub;
use typed_hub::relay::{BrokerError, ConnectError, Relay, RelayEvent};

use crate::nats_server::NatsServer;
use crate::nats_world::*;

fn subjects(subjects: &[&str]) -> Vec<String> {
    subjects.iter().copied().map(str::to_owned).collect()
}

/// The setting that is refused of a stream that exists, if it is.
async fn refused(server: &NatsServer, existing: Config, asked: Config) -> Option<&'static str> {
    let context = context(server).await;
    let name = existing.name.clone();
    let is_sealed = existing.sealed;
    let existing = Config {
        sealed: false,
        ..existing
    };
    context.create_stream(existing.clone()).await.unwrap();
    if is_sealed {
        let sealed = Config {
            sealed: true,
            ..existing
        };
        context.update_stream(&sealed).await.unwrap();
    }
    let broker = jetstream(&server.url()).await.stream(asked);
    let hub = Hub::new();
    let connected = Relay::connect(&hub, broker, relay_options("a"));
    let connected = within("an answer", connected).await;
    context.delete_stream(&name).await.unwrap();
    let _ = context.delete_stream("shop_positions").await;
    match connected {
        Ok(relay) => {
            relay.close().await.unwrap();
            None
        }
        Err(ConnectError::Broker(BrokerError::OtherSettings { stream, setting })) => {
            println!("{stream}: {setting}");
            assert_eq!(stream, name);
            Some(setting)
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_stream_with_other_settings_is_refused_by_name() {
    let server = NatsServer::start();
    let good = || Config {
        name: "shop".to_owned(),
        subjects: subjects(&["shop.>"]),
        ..Config::default()
    };
    assert_eq!(refused(&server, good(), Config::default()).await, None);
    let wider = Config {
        subjects: subjects(&["other", "shop.>"]),
        ..good()
    };
    assert_eq!(refused(&server, wider, Config::default()).await, None);
    let work_queue = Config {
        retention: RetentionPolicy::WorkQueue,
        ..good()
    };
    let interest = Config {
        retention: RetentionPolicy::Interest,
        ..good()
    };
    for config in [work_queue, interest] {
        let setting = refused(&server, config, Config::default()).await.unwrap();
        assert!(setting.contains("retention"), "{setting}");
    }
    let sealed = Config {
        sealed: true,
        ..good()
    };
    let setting = refused(&server, sealed, Config::default()).await.unwrap();
    assert!(setting.contains("sealed"), "{setting}");
    let no_ack = Config {
        no_ack: true,
        ..good()
    };
    let setting = refused(&server, no_ack, Config::default()).await.unwrap();
    assert!(setting.contains("acknowledge"), "{setting}");
    let few = Config {
        max_messages_per_subject: 10,
        ..good()
    };
    let setting = refused(&server, few, Config::default()).await.unwrap();
    assert!(setting.contains("per subject"), "{setting}");
    for narrow in [
        &["other.>"][..],
        &["shop.*"],
        &["shop.cart"],
        &["shop.a.>", "shop.b.>"],
    ] {
        let narrow = Config {
            subjects: subjects(narrow),
            ..good()
        };
        let setting = refused(&server, narrow.clone(), Config::default())
            .await
            .unwrap();
        assert!(setting.contains("subjects"), "{setting}");
        // And if the relay asks for the very same.
        let setting = refused(&server, narrow.clone(), narrow).await.unwrap();
        assert!(setting.contains("subjects"), "{setting}");
    }
    // The positions of the processes, beside it.
    let positions = || Config {
        name: "shop_positions".to_owned(),
        subjects: subjects(&["shop_positions.>"]),
        ..Config::default()
    };
    let forgetful = Config {
        max_age: Duration::from_secs(1),
        ..positions()
    };
    let work_queue = Config {
        retention: RetentionPolicy::WorkQueue,
        ..positions()
    };
    let sealed = Config {
        sealed: true,
        ..positions()
    };
    let elsewhere = Config {
        subjects: subjects(&["elsewhere.>"]),
        ..positions()
    };
    for config in [forgetful, work_queue, sealed, elsewhere] {
        assert!(refused(&server, config, Config::default()).await.is_some());
    }
}

/// The stream is deleted, and made again, while relays run: what comes later arrives, all of it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_stream_that_is_deleted_is_made_again() {
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let mut exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    exporter.publish(1..=100);
    importer.expect("b", 1..=100).await;
    let context = context(&server).await;
    let began = Instant::now();
    context.delete_stream("shop").await.unwrap();
    // More than there were: the numbers of the new stream go past the position in the old one.
    exporter.publish(101..=300);
    importer.expect("b", 101..=300).await;
    println!(
        "the stream was deleted: all went on after {:?}",
        began.elapsed()
    );
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let told = [importer.told(), exporter.told()];
    assert_eq!(lagged(&told[0]), 0);
    for told in told {
        assert!(
            told.iter().any(is_fault),
            "the loss of the stream is told: {told:?}"
        );
    }
    importer.close().await;

    // And while the importer does not run.
    context.delete_stream("shop").await.unwrap();
    exporter.publish(301..=800);
    let is_stored = async {
        loop {
            if let Ok(stream) = context.get_stream("shop").await
                && stream.cached_info().state.messages == 500
            {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    within("it is stored", is_stored).await;
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.expect("b", 301..=800).await;
    importer.close().await;
    exporter.close().await;
}

/// The server is killed in mid-stream, and has kept its stream, or lost its disk.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_server_that_starts_again_has_its_stream_or_a_new_one() {
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let mut exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let anew = |told: &[RelayEvent]| told.iter().any(|event| event.to_string().contains("anew"));
    exporter.publish(1..=1_500);
    importer.expect("b", 1..=200).await;
    server.kill();
    exporter.publish(1_501..=2_000);
    let began = Instant::now();
    server.start_again();
    importer.expect("b", 201..=2_000).await;
    println!("kept: all were there after {:?}", began.elapsed());
    let told = importer.told();
    assert!(!anew(&told), "it is the same stream: {told:?}");
    assert_eq!(lagged(&told), 0);

    server.kill();
    std::fs::remove_dir_all(server.folder().join("jetstream")).unwrap();
    exporter.publish(2_001..=2_500);
    let began = Instant::now();
    server.start_again();
    importer.expect("b", 2_001..=2_500).await;
    println!(
        "lost: all that came later were there after {:?}",
        began.elapsed()
    );
    let told = importer.told();
    assert!(anew(&told), "it is another stream: {told:?}");
    assert_eq!(lagged(&told), 0);
    println!(
        "{:?}",
        exporter
            .told()
            .into_iter()
            .filter(is_fault)
            .collect::<Vec<_>>()
    );
    importer.close().await;
    // The position is that in the new stream.
    exporter.publish(2_501..=2_510);
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.expect("b", 2_501..=2_510).await;
    importer.close().await;
    exporter.close().await;
}

/// The positions are deleted while a relay runs: it writes its own again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn positions_that_are_deleted_are_written_again() {
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    exporter.publish(1..=10);
    importer.expect("b", 1..=10).await;
    sleep(Duration::from_millis(500)).await;
    let context = context(&server).await;
    context.delete_stream("shop_positions").await.unwrap();
    exporter.publish(11..=20);
    importer.expect("b", 11..=20).await;
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let fault = importer.status("the loss is told", is_fault).await;
    println!("{fault}");
    let is_written = async {
        loop {
            if let Ok(stream) = context.get_stream("shop_positions").await
                && stream.cached_info().state.messages == 1
            {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    within("it is written again", is_written).await;
    importer.close().await;
    exporter.publish(21..=30);
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.expect("b", 21..=30).await;
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn without_jetstream_connecting_fails_soon() {
    let server = NatsServer::start_with("# no jetstream");
    let broker = jetstream(&server.url()).await;
    let hub = Hub::new();
    let began = Instant::now();
    let error = Relay::connect(&hub, broker, relay_options("a")).await;
    let error = error.unwrap_err();
    println!("{error} after {:?}", began.elapsed());
    assert!(matches!(
        error,
        ConnectError::Broker(BrokerError::Unreachable { .. } | BrokerError::Refused { .. })
    ));
    assert!(
        error.to_string().to_lowercase().contains("jetstream"),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    // Core goes on.
    let importer = Peer::importing(core(&server.url()).await, "a").await;
    importer.close().await;
}

/// Two processes with one origin would not hear each other, and one would take the position of the other.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn an_origin_that_two_processes_have_is_told() {
    let server = NatsServer::start();
    let in_use = |event: &RelayEvent| matches!(event, RelayEvent::OriginInUse { .. });
    let one = Peer::exporting(jetstream(&server.url()).await, "a").await;
    one.publish(1..=3);
    one.close().await;
    // What a run before has sent is no reason.
    let mut again = Peer::importing(jetstream(&server.url()).await, "a").await;
    let other = Peer::exporting(jetstream(&server.url()).await, "b").await;
    other.publish([1]);
    again.expect("b", [1]).await;
    let told = again.told();
    assert!(!told.iter().any(in_use), "{told:?}");

    let twin = Peer::exporting(jetstream(&server.url()).await, "a").await;
    twin.publish(4..=6);
    again.status("the origin is in use", in_use).await;
    let more = timeout(Duration::from_millis(200), again.events.recv_async()).await;
    assert!(more.is_err(), "its events are left out");
    again.close().await;
    other.close().await;
    twin.close().await;
}

/// What the stream's limits have removed while a process was away is gone, and the process is told.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn messages_that_were_removed_while_a_process_was_away_are_told() {
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    exporter.publish(1..=3);
    importer.expect("b", 1..=3).await;
    importer.close().await;
    exporter.publish(4..=6);
    exporter.close().await;
    let stream = context(&server).await.get_stream("shop").await.unwrap();
    stream.purge().sequence(6).await.unwrap();

    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.expect("b", 6..=6).await;
    let removed = |event: &RelayEvent| matches!(event, RelayEvent::Fault { message } if message.contains("has removed messages"));
    importer.status("the removal is told", removed).await;
    importer.close().await;
}

/// The positions are deleted just before a process ends: it writes its own again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_position_that_is_deleted_before_the_end_is_written_again() {
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    let context = context(&server).await;
    context.delete_stream("shop_positions").await.unwrap();
    exporter.publish(1..=10);
    importer.expect("b", 1..=10).await;
    importer.close().await;
    exporter.publish(11..=20);
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.expect("b", 11..=20).await;
    importer.close().await;
    exporter.close().await;
}

/// The sequence of a position is as large as a number can be.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_position_behind_the_end_of_the_stream_is_its_end() {
    let server = NatsServer::start();
    let importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    importer.close().await;
    let context = context(&server).await;
    let positions = context.get_stream("shop_positions").await.unwrap();
    let stored = positions.get_raw_message(1).await.unwrap();
    let stored_text = String::from_utf8(stored.payload.to_vec()).unwrap();
    let (_, stream) = stored_text.split_once(' ').unwrap();
    let largest = format!("{} {stream}", u64::MAX);
    let published = context.publish(stored.subject, largest.into()).await;
    published.unwrap().await.unwrap();

    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let exporter = Peer::exporting(jetstream(&server.url()).await, "b").await;
    exporter.publish(1..=3);
    importer.expect("b", 1..=3).await;
    importer.close().await;
    exporter.close().await;
}
