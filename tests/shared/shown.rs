//! Everything that is shown to somebody: events, errors, log lines. No secret is to be in it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use typed_hub::auth::Session;
use typed_hub::{Auth, AuthEvent, Hub};

#[derive(Clone, Default)]
pub(crate) struct Shown {
    text: Arc<Mutex<String>>,
    /// How much had been logged in this process before.
    #[cfg(feature = "tracing")]
    logged: usize,
    /// Lines that begin like this are another's affair.
    but: Option<&'static str>,
}

impl Shown {
    /// Writes down the events of a hub, as they are printed and as they travel, and from here on
    /// everything that is logged, by the crates below as well.
    pub(crate) fn of(hub: &Hub) -> Self {
        let shown = Self {
            #[cfg(feature = "tracing")]
            logged: lines::logged().lock().unwrap().len(),
            ..Self::default()
        };
        let events = shown.clone();
        hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            events.push(&serde_json::to_string(event).unwrap());
            events.debug(event);
        })
        .detach();
        #[cfg(feature = "tracing")]
        hub.log::<Auth>().detach();
        shown
    }

    /// Without the lines that begin with this level and crate.
    pub(crate) fn but(self, lines: &'static str) -> Self {
        Self {
            but: Some(lines),
            ..self
        }
    }

    pub(crate) fn push(&self, text: &str) {
        let mut all = self.text.lock().unwrap();
        all.push_str(text);
        all.push('\n');
    }

    pub(crate) fn debug(&self, value: &impl Debug) {
        self.push(&format!("{value:?} {value:#?}"));
    }

    pub(crate) fn error(&self, error: &impl std::error::Error) {
        self.debug(error);
        self.push(&format!("{error} {error:#}"));
    }

    pub(crate) fn any_of(&self, secrets: &[String]) -> bool {
        let shows = |text: &str| {
            let mut secrets = secrets.iter().filter(|secret| !secret.is_empty());
            secrets.any(|secret| text.contains(secret))
        };
        #[cfg(feature = "tracing")]
        {
            let lines = lines::logged().lock().unwrap();
            assert!(lines.len() > self.logged, "nothing is logged");
            let mut lines = lines[self.logged..].lines();
            if lines.any(|line| !self.but.is_some_and(|but| line.starts_with(but)) && shows(line)) {
                return true;
            }
        }
        shows(&self.text.lock().unwrap())
    }
}

/// The tokens of a session.
pub(crate) fn tokens(session: &Session) -> Vec<String> {
    let tokens = &session.tokens;
    let mut all = vec![tokens.access.expose().to_owned()];
    all.extend(tokens.id.iter().map(|id| id.expose().to_owned()));
    all.extend(tokens.refresh.iter().map(|token| token.expose().to_owned()));
    all
}

#[cfg(feature = "tracing")]
mod lines {
    use std::fmt::{Debug, Write};
    use std::sync::{Mutex, OnceLock};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    static LINES: OnceLock<Mutex<String>> = OnceLock::new();

    /// What has been logged since this was first asked.
    pub(super) fn logged() -> &'static Mutex<String> {
        LINES.get_or_init(|| {
            tracing::subscriber::set_global_default(Lines).unwrap();
            Mutex::default()
        })
    }

    struct Lines;

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }

    impl Lines {
        fn push(line: &str) {
            if let Some(lines) = LINES.get() {
                let mut lines = lines.lock().unwrap();
                lines.push_str(&line.replace('\n', " "));
                lines.push('\n');
            }
        }
    }

    /// At every level, and from every crate.
    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, attributes: &Attributes<'_>) -> Id {
            Self::push(&format!("{attributes:?}"));
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, values: &Record<'_>) {
            Self::push(&format!("{values:?}"));
        }

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let of = event.metadata();
            let mut line = Line(format!("{} {}", of.level(), of.target()));
            event.record(&mut line);
            Self::push(&line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}
