//! A broker in this process: for tests, for examples, and for several hubs of one program.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::broker::{
    Broker, BrokerError, BrokerEvent, Deliveries, Delivery, Guarantee, PublishError,
};
use super::cloud_event::CloudEvent;

/// A broker in the memory of this process. Relays that [connect](Self::connect) to it hear each other.
///
/// A clone is the same server. It keeps the last 65,536 messages of each subject: a subscriber that is
/// further behind misses the oldest.
#[derive(Clone, Debug)]
pub struct MemoryServer {
    shared: Arc<Shared>,
}

struct Shared {
    guarantee: Guarantee,
    max_bytes: usize,
    subjects: Mutex<HashMap<String, Subject>>,
    /// Whether it is there.
    is_up: watch::Sender<bool>,
    /// How many messages it has accepted.
    accepted: watch::Sender<u64>,
}

/// The messages of a subject, numbered from 0.
#[derive(Default)]
struct Subject {
    messages: VecDeque<CloudEvent>,
    /// The number of the first message that is kept.
    first: u64,
    /// The number of the next message for each subscription, by its process and its name.
    positions: HashMap<(String, String), u64>,
}

impl Subject {
    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }
}

/// How many messages of a subject are kept.
const KEPT: usize = 1 << 16;

/// How large the data of a message may be, in bytes, as of a NATS server.
const MAX_BYTES: usize = 1 << 20;

impl MemoryServer {
    /// A server that delivers at most once: a process that is away misses what is published meanwhile.
    pub fn new() -> Self {
        Self::with(Guarantee::AtMostOnce)
    }

    /// A server that delivers at least once: a process that was away gets what was published meanwhile.
    pub fn durable() -> Self {
        Self::with(Guarantee::AtLeastOnce)
    }

    fn with(guarantee: Guarantee) -> Self {
        Self {
            shared: Arc::new(Shared {
                guarantee,
                max_bytes: MAX_BYTES,
                subjects: Mutex::default(),
                is_up: watch::Sender::new(true),
                accepted: watch::Sender::new(0),
            }),
        }
    }

    /// A connection to this server.
    pub fn connect(&self) -> MemoryBroker {
        let is_up = self.shared.is_up.subscribe();
        MemoryBroker {
            shared: Arc::clone(&self.shared),
            origin: Mutex::default(),
            told: tokio::sync::Mutex::new((None, is_up)),
        }
    }

    /// Goes away, as a server that has crashed does: connections wait.
    pub fn stop(&self) {
        self.shared.is_up.send_replace(false);
    }

    /// Comes back, with what it had stored.
    pub fn start(&self) {
        self.shared.is_up.send_replace(true);
    }
}

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn subjects(&self) -> MutexGuard<'_, HashMap<String, Subject>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn up(&self) {
        // `self` keeps the sender.
        let _ = self.is_up.subscribe().wait_for(|is_up| *is_up).await;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("guarantee", &self.guarantee)
            .finish_non_exhaustive()
    }
}

/// A connection to a [`MemoryServer`].
#[derive(Debug)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
    origin: Mutex<String>,
    /// Whether it has been told that the server is there.
    told: tokio::sync::Mutex<(Option<bool>, watch::Receiver<bool>)>,
}

impl Broker for MemoryBroker {
    type Deliveries = MemoryDeliveries;

    fn guarantee(&self) -> Guarantee {
        self.shared.guarantee
    }

    async fn open(&self, _prefix: &str, origin: &str) -> Result<(), BrokerError> {
        let mut own = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        origin.clone_into(&mut own);
        Ok(())
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        if event.data.len() > self.shared.max_bytes {
            return Err(PublishError::TooLarge);
        }
        self.shared.up().await;
        let mut subjects = self.shared.subjects();
        if !subjects.contains_key(subject) {
            subjects.insert(subject.to_owned(), Subject::default());
        }
        if let Some(subject) = subjects.get_mut(subject) {
            if subject.messages.len() == KEPT {
                subject.messages.pop_front();
                subject.first += 1;
            }
            subject.messages.push_back(event);
        }
        drop(subjects);
        self.shared.accepted.send_modify(|accepted| *accepted += 1);
        Ok(())
    }

    async fn subscribe(&self, subject: &str, name: &str) -> Result<MemoryDeliveries, BrokerError> {
        let origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (origin.clone(), name.to_owned());
        drop(origin);
        let mut subjects = self.shared.subjects();
        let messages = subjects.entry(subject.to_owned()).or_default();
        let end = messages.end();
        let is_durable = self.shared.guarantee == Guarantee::AtLeastOnce;
        let next = if is_durable {
            *messages.positions.entry(key.clone()).or_insert(end)
        } else {
            end
        };
        Ok(MemoryDeliveries {
            shared: Arc::clone(&self.shared),
            accepted: self.shared.accepted.subscribe(),
            subject: subject.to_owned(),
            key,
            next,
            marked: next,
            catch_up: is_durable.then_some(end),
        })
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn next_event(&self) -> BrokerEvent {
        let mut told = self.told.lock().await;
        let (told, is_up) = &mut *told;
        // Nothing happens before the server is there for the first time.
        let happens = |now: &bool| told.map_or(*now, |told| told != *now);
        let now = is_up.wait_for(happens).await.map(|now| *now);
        // `self` keeps the sender.
        *told = Some(now.unwrap_or_default());
        if *told == Some(true) {
            BrokerEvent::Connected
        } else {
            BrokerEvent::Disconnected
        }
    }
}

/// A subscription of a [`MemoryBroker`].
#[derive(Debug)]
pub struct MemoryDeliveries {
    shared: Arc<Shared>,
    accepted: watch::Receiver<u64>,
    subject: String,
    key: (String, String),
    /// The number of the next message.
    next: u64,
    marked: u64,
    /// Where the messages end that were stored when it began, until they have been delivered.
    catch_up: Option<u64>,
}

impl MemoryDeliveries {
    /// The next message that is there.
    fn take(&mut self) -> Option<Delivery> {
        self.accepted.mark_unchanged();
        let subjects = self.shared.subjects();
        let subject = subjects.get(&self.subject)?;
        if self.catch_up.is_some_and(|end| self.next >= end) {
            self.catch_up = None;
            return Some(Delivery::CaughtUp);
        }
        self.next = self.next.max(subject.first);
        let index = usize::try_from(self.next - subject.first).ok()?;
        let event = subject.messages.get(index)?.clone();
        self.next += 1;
        Some(Delivery::Event(event))
    }
}

impl Deliveries for MemoryDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            self.shared.up().await;
            if let Some(delivery) = self.take() {
                return Some(delivery);
            }
            // `self` keeps the sender.
            let _ = self.accepted.changed().await;
        }
    }

    fn mark(&mut self) {
        self.marked = self.next;
    }

    async fn store(&mut self) -> bool {
        if let Some(subject) = self.shared.subjects().get_mut(&self.subject)
            && let Some(position) = subject.positions.get_mut(&self.key)
        {
            *position = self.marked;
        }
        true
    }

    async fn close(self) {}
}
