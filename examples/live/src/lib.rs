//! A page that shows a hub at work: its events as they come, its channels and listeners as a table, and
//! who listens to what as a picture. It is for the developer of an application, on the machine where the
//! application runs.
//!
//! - `feed`: the events that wait for one page
//! - `page.html`: the page, which loads nothing from elsewhere
//!
//! `main.rs` is an application to look at: `cargo run` in this folder.

mod feed;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::{self, Next};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::net::TcpListener;
use typed_hub::{AnyEnvelope, Auth, Channel, Hub, HubReport, WeakHub};

use self::feed::{Entry, Feed};

/// How many events wait for a page that is slow.
pub const CAPACITY: usize = 1_000;

/// The page of a hub. It does not keep the hub alive.
#[derive(Clone)]
#[must_use = "the page is there when `open` has been called"]
pub struct Live {
    hub: WeakHub,
    payloads: Vec<Payload>,
    /// The name of the listener that each page has: the line that registers it.
    own: Arc<OnceLock<String>>,
}

/// Writes an event if it is one of a certain channel.
type Payload = fn(&AnyEnvelope<'_>) -> Option<serde_json::Value>;

impl Live {
    /// Makes a page that shows the events of every channel without their payloads.
    pub fn of(hub: &Hub) -> Self {
        Self {
            hub: hub.downgrade(),
            payloads: Vec::new(),
            own: Arc::default(),
        }
    }

    /// Shows the payloads of channel `C` too. They are serialised on the hub's thread.
    pub fn shows<C: Channel<Event: Serialize>>(mut self) -> Self {
        self.payloads
            .push(|event| serde_json::to_value(event.downcast_ref::<C>()?).ok());
        self
    }

    /// Serves the page on a port of 127.0.0.1, for as long as the runtime runs, and returns the address.
    /// Port 0 is any free port.
    ///
    /// # Errors
    ///
    /// The port is taken, or is not for this user.
    pub async fn open(self, port: u16) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(axum::serve(listener, self.router()).into_future());
        Ok(address)
    }

    /// The routes of the page, for an application that serves them itself. They answer requests that name
    /// this machine only.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/events", get(events))
            .route("/report", get(report))
            .route("/report.dot", get(dot))
            .layer(middleware::from_fn(only_this_machine))
            .with_state(self)
    }

    /// The entries of a new page: what its listener is called with, until the stream is dropped.
    fn entries(&self, hub: &Hub) -> impl Stream<Item = Entry> + use<> {
        let (mut sender, feed) = Feed::new(CAPACITY);
        let payloads = self.payloads.clone();
        let guard = hub.listen_any(move |event| sender.send(|| line(event, &payloads)));
        self.own.get_or_init(|| guard.name().clone());
        // With the guard, so that the page's end is the listener's.
        unfold((feed, guard), async |(feed, guard)| {
            let entry = feed.next().await;
            Some((entry, (feed, guard)))
        })
    }

    /// The hub's report, in which the listeners of pages are named as such.
    fn report(&self) -> Result<HubReport, HubIsGone> {
        let mut report = self.hub.upgrade().ok_or(HubIsGone)?.inspect();
        for channel in &mut report.channels {
            for listener in &mut channel.listeners {
                if Some(&listener.name) == self.own.get() {
                    "an open page".clone_into(&mut listener.name);
                }
            }
        }
        Ok(report)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

/// The answer when the last handle of the hub has been dropped.
struct HubIsGone;

impl IntoResponse for HubIsGone {
    fn into_response(self) -> Response {
        (StatusCode::GONE, "the hub has ended").into_response()
    }
}

/// Refuses what names another machine. A page of another origin can give its own name the address of this
/// machine, and would read what is not for it.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    let host = host.and_then(|it| it.parse::<Authority>().ok());
    match host.as_ref().map(Authority::host) {
        Some("127.0.0.1" | "localhost") => next.run(request).await,
        _ => StatusCode::MISDIRECTED_REQUEST.into_response(),
    }
}

async fn page() -> impl IntoResponse {
    // Nothing that an event says can make the page load or send something.
    let policy = "default-src 'none'; connect-src 'self'; img-src data:; script-src 'unsafe-inline'; \
                  style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    let headers = [
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(include_str!("page.html")))
}

async fn report(State(live): State<Live>) -> Result<Json<HubReport>, HubIsGone> {
    live.report().map(Json)
}

async fn dot(State(live): State<Live>) -> Result<impl IntoResponse, HubIsGone> {
    let picture = live.report()?.dot().to_string();
    Ok(([(CONTENT_TYPE, "text/vnd.graphviz")], picture))
}

/// Server-sent events: `line` has an event of the hub, `lost` how many the page was too slow for.
async fn events(
    State(live): State<Live>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, HubIsGone> {
    let hub = live.hub.upgrade().ok_or(HubIsGone)?;
    let entries = futures_util::StreamExt::map(live.entries(&hub), |entry| {
        Ok(match entry {
            Entry::Line(line) => sse::Event::default().event("line").data(line),
            Entry::Lost(events) => sse::Event::default().event("lost").data(events.to_string()),
        })
    });
    Ok(Sse::new(entries).keep_alive(KeepAlive::default()))
}

/// Who publishes auth events, in Amplify's word: the line is one of the crate.
const AUTH_SOURCE: &str = "Auth";

/// An event as JSON. `time` is in milliseconds since the Unix epoch.
fn line(event: &AnyEnvelope<'_>, payloads: &[Payload]) -> String {
    let source = match event.downcast_ref::<Auth>() {
        Some(_) => AUTH_SOURCE.to_owned(),
        None => format!("{}:{}", event.source().file(), event.source().line()),
    };
    let since_epoch = event.time().duration_since(SystemTime::UNIX_EPOCH);
    serde_json::json!({
        "sequence": event.sequence(),
        "time": since_epoch.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "channel": event.channel(),
        "type": event.type_name(),
        "source": source,
        "payload": payloads.iter().find_map(|payload| payload(event)),
    })
    .to_string()
}
