//! The auth category on real servers and in a real browser. Each test is ignored unless it is asked
//! for, and says what it needs.

mod browser;
mod callbacks;
mod cognito;
mod examples;
mod faults;
mod oidc;
mod oracle;
mod races;

mod chromium;
mod ministack;
mod pages;
#[path = "../../shared/proxy.rs"]
mod proxy;
mod server;
mod settings;
#[path = "../../shared/shown.rs"]
mod shown;
mod stages;
#[path = "../../shared/trace.rs"]
mod trace;
#[path = "../../auth/world.rs"]
mod world;
