//! What the repository says of itself: its floors, its table of events, the words of its examples.

mod event_table;
#[cfg(not(feature = "cognito"))]
mod examples;
mod features;
mod layers;
mod readme;
