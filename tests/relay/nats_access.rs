//! TLS, passwords, keys and permissions of a real NATS server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::{ConnectErrorKind, ConnectOptions};
use tokio::time::{sleep, timeout};
use typed_hub::Hub;
use typed_hub::relay::{
    BrokerError, ImportError, JetStreamBroker, NatsBroker, Relay, RelayEvent, RelayStatus, Remote,
};

use crate::nats_server::NatsServer;
use crate::nats_world::*;

const SECRET: &str = "s3cret-p4ssword";

fn openssl(folder: &Path, arguments: &str) {
    let status = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("openssl is installed");
    assert!(status.success(), "openssl {arguments}");
}

/// A server with a certificate of an authority of the test's own, whose certificate is `ca.pem`. That of
/// another authority is `other.pem`.
fn with_tls() -> NatsServer {
    let server = NatsServer::not_yet(
        "tls { cert_file: '$FOLDER/server.pem', key_file: '$FOLDER/server.key', timeout: 5 }",
    );
    let folder = server.folder();
    let extensions = "subjectAltName=IP:127.0.0.1\n";
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    for authority in ["ca", "other"] {
        let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        openssl(
            folder,
            &format!("{new} -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"),
        );
    }
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server";
    openssl(folder, &format!("{new} -keyout server.key -out server.csr"));
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(
        folder,
        &format!("{sign} -extfile extensions -out server.pem"),
    );
    server.start_again();
    server
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn tls_with_the_right_authority_and_no_other() {
    let server = with_tls();
    let trusting = |authority: &str| {
        let certificate = server.folder().join(authority);
        options()
            .add_root_certificates(certificate)
            .require_tls(true)
    };
    let url = format!("tls://127.0.0.1:{}", server.port());
    let mut importer = Peer::importing(
        NatsBroker::connect(&*url, trusting("ca.pem"))
            .await
            .unwrap(),
        "a",
    )
    .await;
    let exporter = Peer::exporting(
        NatsBroker::connect(&*url, trusting("ca.pem"))
            .await
            .unwrap(),
        "b",
    )
    .await;
    exporter.publish(1..=10);
    importer.expect("b", 1..=10).await;
    importer.close().await;
    exporter.close().await;

    for wrong in [trusting("other.pem"), options().require_tls(true)] {
        let began = Instant::now();
        let error = NatsBroker::connect(&*url, wrong).await.unwrap_err();
        println!("another authority: {error}");
        assert!(matches!(
            error.kind(),
            ConnectErrorKind::Io | ConnectErrorKind::Tls
        ));
        assert!(
            error.to_string().to_lowercase().contains("certificate"),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    let wrong = trusting("other.pem");
    let error = JetStreamBroker::connect(&*url, wrong).await.unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("certificate"),
        "{error}"
    );
}

fn with_password(password: &str) -> String {
    format!("authorization {{ users: [{{ user: ada, password: '{password}' }}] }}")
}

fn ada(password: &str) -> ConnectOptions {
    options().user_and_password("ada".to_owned(), password.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_wrong_password_is_an_error_without_it() {
    let server = NatsServer::start_with(&with_password("another"));
    let mut shown = Vec::new();
    let error = NatsBroker::connect(server.url(), ada(SECRET))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation);
    shown.push(format!("{error} {error:?}"));
    let error = JetStreamBroker::connect(server.url(), ada(SECRET))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation);
    shown.push(format!("{error} {error:?}"));
    let url = format!("nats://ada:{SECRET}@127.0.0.1:{}", server.port());
    let error = NatsBroker::connect(&*url, options()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation);
    shown.push(format!("{error} {error:?}"));

    // By choice the relay waits, and tells why.
    let waiting = ada(SECRET).retry_on_initial_connect();
    let broker = JetStreamBroker::connect(server.url(), waiting)
        .await
        .unwrap();
    shown.push(format!("{broker:?}"));
    let hub = Hub::new();
    let mut status = hub.receiver_with::<RelayStatus>(unbounded());
    let connecting = Relay::connect(&hub, broker, relay_options("a"));
    let told = async {
        loop {
            if let RelayEvent::Fault { message } = &*status.recv_async().await.unwrap() {
                break message.clone();
            }
        }
    };
    tokio::select! {
        _ = connecting => panic!("it is not connected"),
        told = within("it is told", told) => {
            assert!(told.contains("authorization"), "{told}");
            shown.push(told);
        }
    }
    for shown in shown {
        println!("{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_password_that_is_changed_is_told_without_it() {
    let mut server = NatsServer::start_with(&with_password(SECRET));
    let broker = NatsBroker::connect(server.url(), ada(SECRET))
        .await
        .unwrap();
    let debug = format!("{broker:?}");
    let mut peer = Peer::importing(broker, "a").await;
    server.kill();
    server.configure(&with_password("another"));
    server.start_again();
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let fault = peer.status("it is told", is_fault).await;
    println!("{fault}");
    for shown in [
        debug,
        fault.to_string(),
        format!("{fault:?} {:?}", peer.relay),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    sleep(Duration::from_millis(500)).await;
    let told = peer.told();
    println!("told in half a second: {} more", told.len());
    assert!(told.len() < 4, "it does not flood: {told:?}");
    // And when it is right again.
    server.kill();
    server.configure(&with_password(SECRET));
    server.start_again();
    let is_connected = |event: &RelayEvent| *event == RelayEvent::Connected;
    peer.status("it is connected again", is_connected).await;
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_key_opens_the_server_and_no_other() {
    // A pair that the tests of `async-nats` have, too.
    const SEED: &str = "SUACH75SWCM5D2JMJM6EKLR2WDARVGZT4QC6LX3AGHSWOMVAKERABBBRWM";
    const OTHER: &str = "SUANQDPB2RUOE4ETUA26CNX7FUKE5ZZKFCQIIW63OX225F2CO7UEXTM7ZY";
    const PUBLIC: &str = "UAFHG6FUD2UU4SDFVAFUL5LDFO2XM4WYM76UNXTPJYJK7EEMYRBHT2VE";
    let server = NatsServer::start_with(&format!(
        "authorization {{ users: [{{ nkey: {PUBLIC} }}] }}"
    ));
    let with = |seed: &str| options().nkey(seed.to_owned());
    let broker = JetStreamBroker::connect(server.url(), with(SEED))
        .await
        .unwrap();
    Peer::importing(broker, "a").await.close().await;
    for wrong in [OTHER, "SUAwrong"] {
        let error = JetStreamBroker::connect(server.url(), with(wrong))
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        println!("{shown}");
        assert!(!shown.contains(wrong));
        assert!(matches!(
            error.kind(),
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
        ));
    }
}

fn permitted(publish: &str, subscribe: &str) -> NatsServer {
    let may = format!("{{ publish: [{publish}], subscribe: [{subscribe}] }}");
    let limited = format!("{{ user: ada, password: '{SECRET}', permissions: {may} }}");
    let all = "{ user: all, password: all }";
    NatsServer::start_with(&format!("authorization {{ users: [{limited}, {all}] }}"))
}

/// Permissions for the subjects of the prefix are enough for core NATS.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn core_needs_no_permission_but_for_its_subjects() {
    for subscribe in ["'shop.>', '_INBOX.>'", "'shop.>'"] {
        let server = permitted("'shop.>'", subscribe);
        let connect = async || {
            NatsBroker::connect(server.url(), ada(SECRET))
                .await
                .unwrap()
        };
        let began = Instant::now();
        let mut importer = Peer::importing(connect().await, "a").await;
        let exporter = Peer::exporting(connect().await, "b").await;
        exporter.publish(1..=10);
        importer.expect("b", 1..=10).await;
        let told = importer.told();
        exporter.close().await;
        importer.close().await;
        println!("with {subscribe}: {:?}, {told:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

/// The permissions that the documentation of `JetStreamBroker` names are enough.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_needs_the_permissions_that_are_documented() {
    let server = permitted("'shop.>', 'shop_positions.>', '$JS.API.>'", "'_INBOX.>'");
    let connect = async || {
        JetStreamBroker::connect(server.url(), ada(SECRET))
            .await
            .unwrap()
    };
    let mut importer = Peer::importing(connect().await, "a").await;
    let exporter = Peer::exporting(connect().await, "b").await;
    exporter.publish(1..=10);
    importer.expect("b", 1..=10).await;
    exporter.close().await;
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let told = importer.told();
    assert!(!told.iter().any(is_fault), "{told:?}");
    importer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_subscription_that_is_not_permitted_is_an_error() {
    let server = permitted("'>'", "'_INBOX.>'");
    let broker = NatsBroker::connect(server.url(), ada(SECRET))
        .await
        .unwrap();
    let peer = Peer::try_new(broker, relay_options("a"), unbounded())
        .await
        .unwrap();
    let import = within("an answer", peer.relay.import::<Remote<Wire>>()).await;
    let error = import.unwrap_err();
    println!("{error}");
    assert!(matches!(
        error,
        ImportError::Broker(BrokerError::Refused { .. })
    ));
    peer.close().await;
}

/// What may not be published is told.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn what_is_not_permitted_to_be_published_is_told() {
    let server = permitted("'_INBOX.>', '$JS.API.>'", "'>'");
    let mut core = Peer::exporting(
        NatsBroker::connect(server.url(), ada(SECRET))
            .await
            .unwrap(),
        "a",
    )
    .await;
    core.publish([1]);
    let is_fault = |event: &RelayEvent| matches!(event, RelayEvent::Fault { .. });
    println!("{}", core.status("it is told", is_fault).await);
    let broker = JetStreamBroker::connect(server.url(), ada(SECRET))
        .await
        .unwrap();
    let mut durable = Peer::exporting(broker, "b").await;
    durable.publish([1]);
    println!("{}", durable.status("it is told", is_fault).await);
    core.close().await;
    let closed = timeout(Duration::from_secs(8), durable.relay.close()).await;
    assert_eq!(closed.unwrap().unwrap_err().unsent, 1);
}
