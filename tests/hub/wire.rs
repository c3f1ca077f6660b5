//! An envelope on the wire, as a front end reads it. Events of `Auth` are in `tests/auth/wire.rs`.

use std::time::SystemTime;

use crate::common::{Log, Numbers};
use typed_hub::Hub;

#[test]
fn an_envelope_is_its_channel_payload_and_source_and_its_metadata() {
    let hub = Hub::new();
    let log = Log::new();
    let lines = log.clone();
    let _guard = hub.listener::<Numbers>().envelope().listen(move |number| {
        lines.push((serde_json::to_string(number).unwrap(), number.time()));
    });
    hub.publish::<Numbers>(7);
    let (line, column) = (line!() - 1, 9);
    hub.flush();

    let (json, time) = log.take().remove(0);
    let time = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let source = format!("{}:{line}:{column}", file!());
    assert_eq!(
        json,
        format!(
            r#"{{"channel":"number","payload":7,"source":"{source}","sequence":0,"time":{time}}}"#
        )
    );
}
