//! What cannot be carried is an error or a report, and never a panic or a silent loss.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use typed_hub::relay::{
    ConnectError, DropReason, ExportError, ImportError, MemoryServer, NameError, Relay, RelayEvent,
    RelayOptions, Remote, Unreadable,
};
use typed_hub::{Custom, CustomChannel, Hub};

use crate::common::{Cart, Process, added, next};

/// A second channel of the name `cart`, with events that fit that of the first or do not.
enum Basket {}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Put {
    sku: String,
    #[serde(default)]
    price: u32,
}

impl CustomChannel for Basket {
    type Event = Put;
    const NAME: &'static str = "cart";
}

macro_rules! channel {
    ($channel:ident, $name:expr) => {
        enum $channel {}

        impl CustomChannel for $channel {
            type Event = u32;
            const NAME: &'static str = $name;
        }
    };
}

channel!(Spaced, "two words");
channel!(Wild, "cart.>");
channel!(Empty, "");

/// An event that fails or panics when it is written or read.
enum Mines {}

#[derive(Debug, PartialEq, Eq)]
struct Mine(u8);

impl CustomChannel for Mines {
    type Event = Mine;
    const NAME: &'static str = "mines";
}

impl Serialize for Mine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => Err(serde::ser::Error::custom("s3cret")),
            2 => panic!("s3cret"),
            number => serializer.serialize_u8(number),
        }
    }
}

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            3 => panic!("s3cret"),
            number => Ok(Self(number)),
        }
    }
}

#[tokio::test]
async fn names_that_a_subject_cannot_have_are_refused() {
    let hub = Hub::new();
    let server = MemoryServer::new();
    let connect = async |prefix: &str, origin: &str| {
        let options = RelayOptions::builder().prefix(prefix).origin(origin);
        Relay::connect(&hub, server.connect(), options.build())
            .await
            .err()
    };
    let prefix = |error| Some(ConnectError::Prefix(error));
    assert_eq!(connect("", "a").await, prefix(NameError::Empty));
    assert_eq!(connect("shop.", "a").await, prefix(NameError::Empty));
    assert_eq!(connect("shop *", "a").await, prefix(NameError::Character));
    assert_eq!(connect("$JS.API", "a").await, prefix(NameError::Reserved));
    assert_eq!(
        connect(&"x".repeat(200), "a").await,
        prefix(NameError::TooLong)
    );
    let origin = Some(ConnectError::Origin(NameError::Character));
    assert_eq!(connect("shop", "a\r\nb").await, origin);

    let process = Process::new(&server, "a").await;
    let export = process.relay.export::<Custom<Spaced>>();
    assert_eq!(export, Err(ExportError::Name(NameError::Character)));
    let import = process.relay.import::<Custom<Wild>>().await;
    assert_eq!(import, Err(ImportError::Name(NameError::Character)));
    let import = process.relay.import::<Remote<Custom<Empty>>>().await;
    assert_eq!(import, Err(ImportError::Name(NameError::Empty)));
}

#[tokio::test]
async fn a_channel_is_carried_once_and_no_other_has_its_name() {
    let process = Process::new(&MemoryServer::new(), "a").await;
    let relay = &process.relay;
    assert_eq!(relay.export::<Custom<Cart>>(), Ok(()));
    assert_eq!(relay.export::<Custom<Cart>>(), Err(ExportError::Twice));
    assert_eq!(
        relay.export::<Custom<Basket>>(),
        Err(ExportError::NameTaken)
    );
    assert_eq!(relay.import::<Custom<Cart>>().await, Ok(()));
    assert_eq!(
        relay.import::<Custom<Cart>>().await,
        Err(ImportError::Twice)
    );
    assert_eq!(relay.import::<Remote<Custom<Cart>>>().await, Ok(()));
    let taken = Err(ImportError::NameTaken);
    assert_eq!(relay.import::<Custom<Basket>>().await, taken);
    assert_eq!(relay.import::<Remote<Custom<Basket>>>().await, taken);
}

/// Serde decides which versions of an event can be read.
#[tokio::test]
async fn another_version_of_the_event_is_read_or_told() {
    let server = MemoryServer::new();
    let new = Process::new(&server, "new").await;
    let mut old = Process::new(&server, "old").await;
    new.relay.export::<Custom<Basket>>().unwrap();
    new.relay.import::<Custom<Basket>>().await.unwrap();
    old.relay.export::<Custom<Cart>>().unwrap();
    old.relay.import::<Custom<Cart>>().await.unwrap();

    let mut baskets = new.hub.receiver::<Custom<Basket>>();
    old.hub.publish::<Custom<Cart>>(added(1));
    let sku = "1234".to_owned();
    assert_eq!(*next(&mut baskets).await, Put { sku, price: 0 });

    let sku = "s3cret".to_owned();
    new.hub.publish::<Custom<Basket>>(Put { sku, price: 5 });
    let told = old.told().await;
    let RelayEvent::Unreadable {
        channel: "cart",
        origin: Some(origin),
        reason: Unreadable::OtherSchema { line: 1, .. },
    } = &told
    else {
        panic!("{told}");
    };
    assert_eq!(origin.as_str(), "new");
    assert!(!format!("{told} {told:?}").contains("s3cret"));
}

#[tokio::test]
async fn an_event_that_fails_or_panics_costs_itself_alone() {
    let server = MemoryServer::new();
    let mut exporter = Process::new(&server, "a").await;
    let mut importer = Process::new(&server, "b").await;
    importer.relay.import::<Custom<Mines>>().await.unwrap();
    let mut mines = importer.hub.receiver::<Custom<Mines>>();
    exporter.relay.export::<Custom<Mines>>().unwrap();
    for number in 0..5 {
        exporter.hub.publish::<Custom<Mines>>(Mine(number));
    }
    assert_eq!(*next(&mut mines).await, Mine(0));
    assert_eq!(*next(&mut mines).await, Mine(4));
    for expected in [DropReason::NotSerialised, DropReason::Panicked] {
        let told = exporter.told().await;
        assert!(!format!("{told} {told:?}").contains("s3cret"));
        let RelayEvent::Dropped {
            missed: 1, reason, ..
        } = told
        else {
            panic!("{told}");
        };
        assert_eq!(reason, expected);
    }
    let told = [importer.told().await, importer.told().await];
    let [
        RelayEvent::Lagged { missed: 2, .. },
        RelayEvent::Unreadable { reason, .. },
    ] = &told
    else {
        panic!("{told:?}");
    };
    assert_eq!(*reason, Unreadable::Panicked);
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_importer_is_told() {
    let server = MemoryServer::new();
    let exporter = Process::new(&server, "a").await;
    let mut importer = Process::new(&server, "b").await;
    importer.relay.import::<Custom<Cart>>().await.unwrap();
    let mut cart = importer.hub.receiver::<Custom<Cart>>();
    exporter.relay.export::<Custom<Cart>>().unwrap();
    let mut large = added(0);
    large.sku = "x".repeat(1_000);
    let bytes = serde_json::to_vec(&large).unwrap().len();
    exporter.hub.publish::<Custom<Cart>>(large);
    exporter.hub.publish::<Custom<Cart>>(added(1));
    assert_eq!(*next(&mut cart).await, added(1));
    let RelayEvent::Unreadable { reason, .. } = importer.told().await else {
        panic!("not told");
    };
    assert_eq!(reason, Unreadable::TooLarge { bytes });
    let report = importer.relay.report();
    let carried = report.channels[0];
    assert_eq!((carried.received, carried.unreadable), (1, 1));
}

#[tokio::test]
async fn two_processes_with_one_origin_are_told_of_it() {
    let server = MemoryServer::new();
    let first = Process::new(&server, "a").await;
    let mut second = Process::new(&server, "a").await;
    second.relay.import::<Custom<Cart>>().await.unwrap();
    second.relay.export::<Custom<Cart>>().unwrap();
    first.relay.export::<Custom<Cart>>().unwrap();
    first.hub.publish::<Custom<Cart>>(added(1));
    let told = second.told().await;
    assert_eq!(told, RelayEvent::OriginInUse { channel: "cart" });
}
