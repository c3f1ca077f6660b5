//! What the repository says of itself: its floors, and the words of its examples.

#[cfg(not(feature = "cognito"))]
mod examples;
mod layers;
