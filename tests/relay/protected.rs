//! A protected channel leaves a process, and is another channel elsewhere.

use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::relay::{MemoryServer, RelayEvent, RelayStatus, Remote};
use typed_hub::{Auth, AuthEventKind, Channel, Custom, ReceiverOptions, Replay};

use crate::common::{Cart, Process, added, next};

#[tokio::test]
async fn a_session_is_seen_in_another_process() {
    let server = MemoryServer::new();
    let shop = Process::new(&server, "shop-1").await;
    let audit = Process::new(&server, "audit").await;
    audit.relay.import::<Remote<Auth>>().await.unwrap();
    let mut remote = audit.hub.receiver::<Remote<Auth>>();
    let mut own = audit.hub.receiver::<Auth>();
    shop.relay.export::<Auth>().unwrap();

    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(shop.hub.clone(), pool).unwrap();
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    client.refresh().await.unwrap();
    client.sign_out(SignOutScope::ThisDevice).await.unwrap();

    let expected = [
        AuthEventKind::SignedIn,
        AuthEventKind::TokenRefresh,
        AuthEventKind::SignedOut,
    ];
    for kind in expected {
        let event = next(&mut remote).await;
        assert_eq!(
            (event.origin.as_str(), event.event.kind()),
            ("shop-1", kind)
        );
    }
    assert!(own.try_recv().is_err(), "nothing enters `Auth`");
}

/// What the channel has retained can be sent first.
#[tokio::test]
async fn retained_events_leave_if_they_are_asked_for() {
    let server = MemoryServer::new();
    let shop = Process::new(&server, "shop-1").await;
    let audit = Process::new(&server, "audit").await;
    audit.relay.import::<Remote<Auth>>().await.unwrap();
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(shop.hub.clone(), pool).unwrap();
    let _ = client.sign_in("ada", "correct horse").await.unwrap();

    let mut remote = audit.hub.receiver::<Remote<Auth>>();
    let replay = ReceiverOptions::builder().replay(Replay::All).build();
    shop.relay.export_with::<Auth>(replay).unwrap();
    assert_eq!(
        next(&mut remote).await.event.kind(),
        AuthEventKind::SignedIn
    );
    // A late listener elsewhere can ask for them as well.
    assert!(audit.hub.last::<Remote<Auth>>().is_some());
}

/// An open channel can be imported as itself, with its origin, or both.
#[tokio::test]
async fn an_open_channel_is_imported_with_and_without_its_origin() {
    let server = MemoryServer::durable();
    let shop = Process::new(&server, "shop-1").await;
    let audit = Process::new(&server, "audit").await;
    audit.relay.import::<Custom<Cart>>().await.unwrap();
    audit.relay.import::<Remote<Custom<Cart>>>().await.unwrap();
    let mut cart = audit.hub.receiver::<Custom<Cart>>();
    let mut remote = audit.hub.receiver::<Remote<Custom<Cart>>>();
    shop.relay.export::<Custom<Cart>>().unwrap();
    shop.hub.publish::<Custom<Cart>>(added(1));
    assert_eq!(*next(&mut cart).await, added(1));
    let event = next(&mut remote).await;
    assert_eq!((event.origin.as_str(), &event.event), ("shop-1", &added(1)));
    assert_eq!(Remote::<Custom<Cart>>::NAME, "remote.cart");
}

#[tokio::test]
async fn the_state_of_the_connection_is_told_to_late_listeners_too() {
    let server = MemoryServer::new();
    let mut process = Process::new(&server, "a").await;
    server.stop();
    process.until(&RelayEvent::Disconnected).await;
    server.start();
    process.until(&RelayEvent::Connected).await;
    let last = process.hub.last::<RelayStatus>();
    assert_eq!(
        last.map(|event| event.payload().clone()),
        Some(RelayEvent::Connected)
    );
}

/// It serialises for front ends, as the other events do.
#[test]
fn a_report_is_told_on_the_wire() {
    let json = |event: &RelayEvent| serde_json::to_string(event).unwrap();
    assert_eq!(json(&RelayEvent::Connected), r#"{"event":"connected"}"#);
    let caught_up = RelayEvent::CaughtUp { channel: "cart" };
    assert_eq!(
        json(&caught_up),
        r#"{"event":"caughtUp","data":{"channel":"cart"}}"#
    );
}
