//! The pairs of the cases that fail: each compiles, and runs.
#![allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    reason = "they are what a user might write"
)]

macro_rules! compiles {
    ($($case:ident)+) => {
        $(mod $case;)+

        pub(crate) const CASES: &[(&str, fn())] = &[$((stringify!($case), $case::main)),+];
    };
}

compiles! {
    call_a_method_of_the_event_on_its_envelope
    capture_what_is_not_send
    capture_what_is_not_sync_inline
    claim_auth
    clone_a_worker
    ignore_the_receiver
    ignore_the_subscription
    ignore_the_subscription_of_once
    keep_the_reference
    listen_to_what_is_no_channel
    listen_with_the_wrong_payload
    make_an_auth_key
    match_with_an_arm_missing
    obtain_an_auth_key
    open_auth
    protect_auth_anew
    publish_on_auth
    publish_on_auth_by_a_client
    publish_on_auth_by_a_publisher
    publish_on_auth_unbounded
    publish_the_wrong_payload
    send_a_local_worker
    use_a_closed_subscription
}
