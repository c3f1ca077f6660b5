//! Pages beside the documentation of the items.
//!
//! This module is in the documentation only. The pages are the files of `docs/` in the repository.

pub mod how_do_i {
    #![doc = include_str!("../docs/how-do-i.md")]

    use crate::auth::{AuthClient, ManualClock, MemoryProvider};
    use crate::channel::{CustomChannel, Protected};
    use crate::delivery::listener::subscription_set::SubscriptionSet;
    use crate::delivery::queued::dispatcher::Worker;
    use crate::delivery::receiver::Receiver;
    use crate::delivery::receiver::log::Overflow;
    use crate::delivery::shared::panic_report::PanicReport;
    use crate::hub::{HubReport, LocalWorker};
}

pub mod promises {
    #![doc = include_str!("../docs/promises.md")]
}

pub mod auth_events {
    #![doc = include_str!("../docs/auth-events.md")]
}

// Its programs take all providers.
#[cfg(all(feature = "cognito", feature = "loopback", feature = "oidc"))]
pub mod providers {
    #![doc = include_str!("../docs/providers.md")]
}

pub mod faults {
    #![doc = include_str!("../docs/faults.md")]
}

pub mod shells {
    #![doc = include_str!("../docs/shells.md")]
}

pub mod coming_from {
    #![doc = include_str!("../docs/coming-from.md")]
}

pub mod costs {
    #![doc = include_str!("../docs/costs.md")]
}
