//! One step of a transaction.

use super::Machine;
use crate::auth::channel::AuthEvent;
use crate::auth::error::StoreError;
use crate::auth::store::{PendingRedirect, Session};

/// One step of a transaction.
#[must_use = "a transaction ends only when its steps are performed"]
pub(crate) enum Step<A> {
    /// Take the store's lock until the end of the transaction.
    Lock(Resume<Result<(), StoreError>, A>),
    /// Read the session from the store.
    Load(Resume<Result<Option<Session>, StoreError>, A>),
    /// Read the pending redirect from the store.
    LoadRedirect(Resume<Result<Option<PendingRedirect>, StoreError>, A>),
    /// Change the store.
    Write(Write, Resume<Result<(), StoreError>, A>),
    /// Publish the events, and then answer the caller.
    End { publish: Vec<AuthEvent>, answer: A },
}

/// A change to the store.
pub(crate) enum Write {
    Save(Session),
    Clear,
    #[cfg(feature = "redirect")]
    SaveRedirect(PendingRedirect),
    ClearRedirect,
}

/// Resumes the transaction with the answer of the store.
type Resume<R, A> = Box<dyn FnOnce(&mut Machine, R) -> Step<A> + Send>;

impl<A: 'static> Step<A> {
    /// The end, without an event.
    pub(super) const fn done(answer: A) -> Self {
        Self::End {
            publish: Vec::new(),
            answer,
        }
    }

    /// The end, with an event.
    pub(super) fn publish(event: AuthEvent, answer: A) -> Self {
        Self::End {
            publish: vec![event],
            answer,
        }
    }

    /// Publishes these events before the others at the end.
    pub(super) fn with_events_first(self, mut events: Vec<AuthEvent>) -> Self {
        if events.is_empty() {
            return self;
        }
        self.map_end(|mut publish, answer| {
            events.append(&mut publish);
            (events, answer)
        })
    }

    /// Converts the answer at the end.
    pub(super) fn map<B: 'static>(self, answer: impl FnOnce(A) -> B + Send + 'static) -> Step<B> {
        self.map_end(|publish, before| (publish, answer(before)))
    }

    /// Converts the events and the answer at the end.
    pub(super) fn map_end<B: 'static>(
        self,
        end: impl FnOnce(Vec<AuthEvent>, A) -> (Vec<AuthEvent>, B) + Send + 'static,
    ) -> Step<B> {
        match self {
            Self::Lock(then) => Step::lock(|machine, locked| then(machine, locked).map_end(end)),
            Self::Load(then) => Step::load(|machine, read| then(machine, read).map_end(end)),
            Self::LoadRedirect(then) => {
                Step::load_redirect(|machine, read| then(machine, read).map_end(end))
            }
            Self::Write(write, then) => Step::write(write, |machine, written| {
                then(machine, written).map_end(end)
            }),
            Self::End { publish, answer } => {
                let (publish, answer) = end(publish, answer);
                Step::End { publish, answer }
            }
        }
    }

    pub(super) fn lock(
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Lock(Box::new(then))
    }

    pub(super) fn load(
        then: impl FnOnce(&mut Machine, Result<Option<Session>, StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Load(Box::new(then))
    }

    pub(super) fn load_redirect(
        then: impl FnOnce(&mut Machine, Result<Option<PendingRedirect>, StoreError>) -> Self
        + Send
        + 'static,
    ) -> Self {
        Self::LoadRedirect(Box::new(then))
    }

    pub(super) fn save(
        session: Session,
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::write(Write::Save(session), then)
    }

    pub(super) fn clear(
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::write(Write::Clear, then)
    }

    pub(super) fn clear_redirect(
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::write(Write::ClearRedirect, then)
    }

    pub(super) fn write(
        write: Write,
        then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Self + Send + 'static,
    ) -> Self {
        Self::Write(write, Box::new(then))
    }
}
