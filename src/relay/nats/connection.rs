//! A connection to a NATS server, and what happens to it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::{Client, ClientError, ConnectOptions, Event, ServerError, ToServerAddrs};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::relay::broker::BrokerEvent;

/// How often the state of the connection is looked at: its client may drop the events that tell of it
/// while it reports slow consumers.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long the server may take to refuse.
const REFUSAL_LIMIT: Duration = Duration::from_secs(5);

/// How many reports wait to be told.
const MAX_REPORTS: usize = 32;

/// What a server says of a subject when it refuses a permission.
pub(super) const PUBLISH: &str = "Permissions Violation for Publish to ";
pub(super) const SUBSCRIBE: &str = "Permissions Violation for Subscription to ";

/// What the names of inboxes begin with, unless the connection has the option of another name.
const INBOX: &str = "_INBOX.";

pub(super) struct Connection {
    pub(super) client: Client,
    reports: Arc<Reports>,
    told: Mutex<Told>,
}

/// What the client reports, other than the state of the connection.
#[derive(Default)]
struct Reports {
    waiting: Mutex<VecDeque<BrokerEvent>>,
    arrived: Notify,
    /// How often the client has dropped messages that were not taken in time.
    dropped: AtomicU64,
    /// Whether the client has given up for good.
    is_closed: AtomicBool,
    until_connected: Mutex<UntilConnected>,
}

/// The state of one connection, cleared by the next.
#[derive(Default)]
struct UntilConnected {
    /// The last permissions that the server has refused, in its words.
    refused: VecDeque<String>,
    /// Whether the server does not permit to subscribe to an inbox.
    is_without_inbox: bool,
    /// The errors that were told.
    told: Vec<String>,
}

/// A snapshot of the counters of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    connects: u64,
    dropped: u64,
}

#[derive(Clone, Copy, Default)]
struct Told {
    is_connected: bool,
    /// How many connections the client had made.
    connects: u64,
}

impl Connection {
    pub(super) async fn new(
        servers: impl ToServerAddrs,
        options: ConnectOptions,
    ) -> Result<Self, async_nats::ConnectError> {
        let reports = Arc::new(Reports::default());
        let noted = Arc::clone(&reports);
        let options = options.event_callback(move |event| {
            noted.note(event);
            std::future::ready(())
        });
        let client = options.connect(servers).await?;
        Ok(Self {
            reports,
            ..Self::of(client)
        })
    }

    /// A connection of a client whose events other code hears.
    pub(super) fn of(client: Client) -> Self {
        Self {
            client,
            reports: Arc::default(),
            told: Mutex::default(),
        }
    }

    /// How many connections the client has made.
    pub(super) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits until the client is connected. Fails when the client has given up.
    pub(super) async fn connected(&self) -> Result<(), String> {
        while !self.is_connected() {
            if self.reports.is_closed.load(Ordering::Relaxed) {
                return Err("the connection is closed for good".to_owned());
            }
            self.look().await;
        }
        Ok(())
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            connects: self.connects(),
            dropped: self.reports.dropped.load(Ordering::Relaxed),
        }
    }

    /// Waits until the connection of that moment is lost.
    pub(super) async fn lost(&self, before: Seen) {
        while !self.is_lost(before) {
            self.look().await;
        }
    }

    pub(super) fn is_lost(&self, before: Seen) -> bool {
        !self.is_connected() || self.connects() != before.connects
    }

    /// Waits until messages after that moment may have been lost: with the connection, or because they were
    /// not taken in time.
    pub(super) async fn changed(&self, before: Seen) {
        while self.is_connected() && self.seen() == before {
            self.look().await;
        }
    }

    /// Waits until something may have happened.
    async fn look(&self) {
        let _ = timeout(POLL_INTERVAL, self.reports.arrived.notified()).await;
    }

    /// Returns when the server has handled what was sent before, or says why it has not.
    pub(super) async fn round_trip(&self) -> Result<(), String> {
        let flushed = self.client.flush().await;
        flushed.map_err(|error| error.to_string())?;
        // The server answers at once that no client listens there, or that the request is not permitted.
        let inbox = self.client.new_inbox();
        let request = self.client.request(inbox.clone(), Bytes::new());
        let answer = tokio::select! {
            biased;
            () = self.refused(PUBLISH, &inbox) => return Ok(()),
            () = self.without_inbox() => None,
            answer = request => Some(answer),
        };
        match answer {
            Some(Err(error)) if error.kind() != RequestErrorKind::NoResponders => {
                Err(error.to_string())
            }
            Some(_) => Ok(()),
            // An answer could not be heard: the server is asked for what it refuses.
            None => {
                let inbox = self.client.new_inbox();
                let subscribed = self.client.subscribe(inbox.clone()).await;
                let _subscriber = subscribed.map_err(|error| error.to_string())?;
                let refused = self.refused(SUBSCRIBE, &inbox);
                let answered = timeout(REFUSAL_LIMIT, refused).await;
                answered.map_err(|_| "the server does not answer".to_owned())
            }
        }
    }

    /// Waits until the server has refused this permission.
    async fn refused(&self, permission: &str, subject: &str) {
        while self.refusal(permission, subject).is_none() {
            self.look().await;
        }
    }

    /// Waits until the server has refused to let this client listen to inboxes.
    async fn without_inbox(&self) {
        while !self.reports.until_connected().is_without_inbox {
            self.look().await;
        }
    }

    /// What the server has said if it has refused this permission on this connection.
    pub(super) fn refusal(&self, permission: &str, subject: &str) -> Option<String> {
        let permission = format!("{permission}\"{subject}\"");
        let until_connected = self.reports.until_connected();
        let mut refused = until_connected.refused.iter();
        refused.find(|words| words.contains(&permission)).cloned()
    }

    /// Reports an error, in words without a secret.
    pub(super) fn report_fault(&self, message: String) {
        self.reports.report(BrokerEvent::Fault(message));
    }

    pub(super) async fn next_event(&self) -> BrokerEvent {
        loop {
            if let Some(event) = self.change().or_else(|| self.reports.take()) {
                return event;
            }
            self.look().await;
        }
    }

    /// The next change of the connection's state that has not been told.
    fn change(&self) -> Option<BrokerEvent> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let connects = self.connects();
        let is_connected = self.is_connected();
        let has_reconnected = connects != told.connects;
        match (told.is_connected, is_connected) {
            (true, now) if !now || has_reconnected => {
                told.is_connected = false;
                Some(BrokerEvent::Disconnected)
            }
            (false, true) => {
                *told = Told {
                    is_connected,
                    connects,
                };
                Some(BrokerEvent::Connected)
            }
            _ => None,
        }
    }
}

impl UntilConnected {
    /// Notes that the server refuses a permission, and returns whether that answers a round trip.
    fn note_refusal(&mut self, words: &str) -> bool {
        if words.contains(PUBLISH) || words.contains(SUBSCRIBE) {
            if self.refused.len() == MAX_REPORTS {
                self.refused.pop_front();
            }
            self.refused.push_back(words.to_owned());
        }
        let is_of_inbox = |permission| words.contains(&format!("{permission}\"{INBOX}"));
        self.is_without_inbox |= is_of_inbox(SUBSCRIBE);
        is_of_inbox(PUBLISH)
    }

    /// The words, unless they were told.
    fn first(&mut self, words: String) -> Option<String> {
        if self.told.contains(&words) || self.told.len() == MAX_REPORTS {
            return None;
        }
        self.told.push(words.clone());
        Some(words)
    }
}

impl Reports {
    fn note(&self, event: Event) {
        let fault = match event {
            Event::Connected => {
                *self.until_connected() = UntilConnected::default();
                None
            }
            Event::SlowConsumer(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return self.report(BrokerEvent::SlowConsumer);
            }
            Event::ServerError(ServerError::Other(words)) => {
                let is_round_trip = self.until_connected().note_refusal(&words);
                (!is_round_trip).then_some(words)
            }
            // Each attempt to connect may fail alike.
            Event::ServerError(error) => self.until_connected().first(error.to_string()),
            Event::ClientError(error) => {
                if error == ClientError::MaxReconnects {
                    self.is_closed.store(true, Ordering::Relaxed);
                }
                self.until_connected().first(error.to_string())
            }
            Event::LameDuckMode => Some("the server is shutting down".to_owned()),
            Event::Closed => {
                self.is_closed.store(true, Ordering::Relaxed);
                Some("the connection is closed for good".to_owned())
            }
            Event::Disconnected | Event::Draining => None,
        };
        match fault {
            Some(words) => self.report(BrokerEvent::Fault(words)),
            None => self.arrived.notify_waiters(),
        }
    }

    fn until_connected(&self) -> MutexGuard<'_, UntilConnected> {
        let guard = self.until_connected.lock();
        guard.unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, event: BrokerEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // One report of many alike is enough: each lost message is counted at its channel.
        if waiting.back() != Some(&event) && waiting.len() < MAX_REPORTS {
            waiting.push_back(event);
        }
        drop(waiting);
        self.arrived.notify_waiters();
    }

    fn take(&self) -> Option<BrokerEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
