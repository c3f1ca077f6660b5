//! What a relay sends: CloudEvents.

use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::status::Unreadable;

/// A message between processes: a CloudEvent of version 1.0.
///
/// A broker carries its attributes as its protocol's binding says. Whatever a broker does with them, it
/// hands out what it was given.
///
/// Source: [CloudEvents 1.0.2, section 3](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// Its `id`, which is unique among those of its source. A relay's is the run of the export, 16
    /// hexadecimal digits, and the event's number in it, as in `0f3a…-17`: importers see by it which
    /// events are missing. Other clients may use any.
    pub id: String,
    /// Its `source`: the origin.
    pub source: String,
    /// Its `type`: the name of the channel.
    pub kind: String,
    /// Its `time`, by the clock of the process that published it. Nothing depends on it.
    pub time: Option<SystemTime>,
    /// Its data: the event as JSON.
    pub data: Bytes,
}

impl CloudEvent {
    /// Reads an event in the structured mode of JSON, in which the message's payload is all of it.
    ///
    /// Source: [JSON event format, section 3](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
    ///
    /// # Errors
    ///
    /// [`Unreadable::NotACloudEvent`] when it is not such an event of version 1.0, and
    /// [`Unreadable::NotJson`] when its data are of another type, or in base64.
    pub fn from_structured(payload: &[u8]) -> Result<Self, Unreadable> {
        let event: Structured =
            serde_json::from_slice(payload).map_err(|_| Unreadable::NotACloudEvent)?;
        if !is_version(&event.specversion) {
            return Err(Unreadable::NotACloudEvent);
        }
        let is_other = event.datacontenttype.is_some_and(|kind| !is_json(&kind));
        if is_other || event.data_base64.is_some() {
            return Err(Unreadable::NotJson);
        }
        let data = event.data.as_deref().map_or("null", RawValue::get);
        Ok(Self {
            data: Bytes::copy_from_slice(data.as_bytes()),
            id: event.id,
            source: event.source,
            kind: event.kind,
            time: event.time.as_deref().and_then(parse_time),
        })
    }
}

#[derive(Deserialize)]
struct Structured {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
    datacontenttype: Option<String>,
    data: Option<Box<RawValue>>,
    data_base64: Option<IgnoredAny>,
}

/// Whether a `specversion` is one that this module reads: 1.0, or a later one that only adds.
pub(super) fn is_version(version: &str) -> bool {
    version == "1.0" || version.starts_with("1.0.")
}

/// Whether a media type is JSON: `application/json`, `text/json`, or one that ends in `+json`.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is = |other| essence.eq_ignore_ascii_case(other);
    let suffix = essence.len().checked_sub("+json".len());
    let suffix = suffix.and_then(|at| essence.get(at..));
    is("application/json")
        || is("text/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

/// A time as RFC 3339 has it. A time that is not one is none: nothing depends on it.
pub(super) fn parse_time(time: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(time).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_structured_event_is_read() {
        let read = |json: &str| CloudEvent::from_structured(json.as_bytes());
        let event = read(
            r#"{"specversion":"1.0","id":"a\u002d1","source":"/python","type":"cart","ext":1,
                "time":"1970-01-02T00:00:00Z","datacontenttype":"application/json","data":{"a":[1]}}"#,
        )
        .unwrap();
        assert_eq!(
            (&*event.id, &*event.source, &*event.kind),
            ("a-1", "/python", "cart")
        );
        assert_eq!(
            event.time,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400))
        );
        assert_eq!(&event.data[..], br#"{"a":[1]}"#);

        let bare = r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#;
        assert_eq!(&read(bare).unwrap().data[..], b"null");
        for none in ["", "[]", "{", r#"{"id":"1"}"#, &bare.replace("1.0", "2.0")] {
            assert_eq!(read(none), Err(Unreadable::NotACloudEvent), "{none}");
        }
        let xml = bare.replace('{', r#"{"datacontenttype":"text/xml","#);
        assert_eq!(read(&xml), Err(Unreadable::NotJson));
        let base64 = bare.replace('{', r#"{"data_base64":"AA==","#);
        assert_eq!(read(&base64), Err(Unreadable::NotJson));
    }

    #[test]
    fn a_media_type_is_json_or_not() {
        for json in [
            "application/json",
            "application/JSON; charset=utf-8",
            "application/x+json",
        ] {
            assert!(is_json(json), "{json}");
        }
        for other in ["", "text/plain", "application/xml", "json"] {
            assert!(!is_json(other), "{other}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_none() {
        for none in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_time(none), None, "{none}");
        }
    }
}
