//! The event that is published, and what the listener does with it.

use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use typed_hub::CustomChannel;

pub(crate) enum Orders {}

impl CustomChannel for Orders {
    type Event = Order;
    const NAME: &'static str = "orders";
}

/// 200 bytes as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    number: u64,
    /// In nanoseconds, by the clock of the machine, which both processes share.
    sent_at: u64,
    customer: String,
    items: Vec<Item>,
    express: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    sku: String,
    count: u32,
    price: f64,
}

/// The number of the first event: all have as many digits.
const FIRST: u64 = 1_000_000_000;

impl Order {
    /// The event of this number, counted from 0.
    pub(crate) fn new(number: u64) -> Self {
        let item = |sku: &str, count, price| Item {
            sku: sku.to_owned(),
            count,
            price,
        };
        Self {
            number: FIRST + number,
            sent_at: now(),
            customer: "customer-0123456789".to_owned(),
            items: vec![item("sku-1234", 2, 12.25), item("sku-567890", 1, 9.5)],
            express: true,
        }
    }
}

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos());
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

/// The events that a listener has heard.
pub(crate) struct Heard(Mutex<State>);

struct State {
    next: u64,
    lap: Option<Lap>,
    done: Sender<Vec<u64>>,
}

struct Lap {
    left: u64,
    /// When the first was sent.
    began: Option<u64>,
    /// How long each was under way, if that is what is measured.
    under_way: Option<Vec<u64>>,
}

impl Heard {
    /// The result of each lap goes to `done`.
    pub(crate) fn new(done: Sender<Vec<u64>>) -> Self {
        Self(Mutex::new(State {
            next: FIRST,
            lap: None,
            done,
        }))
    }

    /// Begins a lap. Its result is the nanoseconds that all of it takes, or those of each event.
    pub(crate) fn expect(&self, count: u64, is_paced: bool) {
        self.0.lock().unwrap().lap = Some(Lap {
            left: count,
            began: None,
            under_way: is_paced.then(Vec::new),
        });
    }

    /// Ends the process when an event is not the next: a contestant that loses one has no figure.
    pub(crate) fn note(&self, order: &Order) {
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        let lap = state.lap.as_mut().filter(|_| order.number == state.next);
        let Some(lap) = lap else {
            eprintln!("event {} came instead of {}", order.number, state.next);
            std::process::exit(1);
        };
        state.next += 1;
        lap.left -= 1;
        let began = *lap.began.get_or_insert(order.sent_at);
        if let Some(under_way) = &mut lap.under_way {
            under_way.push(now().saturating_sub(order.sent_at));
        }
        if lap.left == 0 {
            let all = || vec![now().saturating_sub(began)];
            let _ = state.done.send(lap.under_way.take().unwrap_or_else(all));
            state.lap = None;
        }
    }
}
