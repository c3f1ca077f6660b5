//! A CloudEvent as a message of NATS.
//!
//! Source: [NATS protocol binding for CloudEvents, section 3.1](https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md).

use std::borrow::Cow;
use std::time::SystemTime;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use humantime::format_rfc3339_millis;

use crate::relay::broker::Delivery;
use crate::relay::cloud_event::{CloudEvent, is_json, is_version, parse_time};
use crate::relay::status::Unreadable;

const VERSION: HeaderName = HeaderName::from_static("ce-specversion");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const KIND: HeaderName = HeaderName::from_static("ce-type");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");

/// The media type of the data.
const JSON: &str = "application/json";

/// The media type of an event that is all in the payload.
const STRUCTURED: &str = "application/cloudevents";

/// The headers of a message in binary mode, and its payload. What a relay sends has no character that needs
/// to be encoded.
pub(super) fn write(event: CloudEvent) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    headers.insert(VERSION, HeaderValue::from("1.0"));
    headers.insert(ID, HeaderValue::from(event.id));
    headers.insert(SOURCE, HeaderValue::from(event.source));
    headers.insert(KIND, HeaderValue::from(event.kind));
    if let Some(time) = event.time.filter(is_written) {
        let time = format_rfc3339_millis(time).to_string();
        headers.insert(TIME, HeaderValue::from(time));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from(JSON));
    (headers, event.data)
}

/// Whether RFC 3339 has a year for the time: by a clock that is wrong it may not.
fn is_written(time: &SystemTime) -> bool {
    const YEAR_10000: u64 = 253_402_300_800;
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.is_ok_and(|since| since.as_secs() < YEAR_10000)
}

/// The headers of a message that say what it is.
#[derive(Default)]
struct Found<'a> {
    version: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    kind: Option<&'a str>,
    time: Option<&'a str>,
    content_type: Option<&'a str>,
    data_content_type: Option<&'a str>,
}

impl<'a> Found<'a> {
    /// Clients differ in how they write the names of headers: upper and lower case are the same.
    fn among(headers: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, values) in headers.iter() {
            let mut name = Cow::from(<_ as AsRef<str>>::as_ref(name));
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                name.to_mut().make_ascii_lowercase();
            }
            let place = match &*name {
                "ce-specversion" => &mut found.version,
                "ce-id" => &mut found.id,
                "ce-source" => &mut found.source,
                "ce-type" => &mut found.kind,
                "ce-time" => &mut found.time,
                "content-type" => &mut found.content_type,
                "ce-datacontenttype" => &mut found.data_content_type,
                _ => continue,
            };
            *place = values.first().map(HeaderValue::as_str);
        }
        found
    }
}

/// Reads a message in binary or in structured mode. A message without the headers of the one can only be
/// the other.
pub(super) fn read(headers: Option<&HeaderMap>, payload: Bytes) -> Delivery {
    let found = headers.map_or_else(Found::default, Found::among);
    let attribute = |value: Option<&str>| value.and_then(decode).map(Cow::into_owned);
    let media_type = found.content_type.or(found.data_content_type);
    let is_structured = match media_type {
        Some(kind) => {
            let beginning = kind.as_bytes().get(..STRUCTURED.len());
            beginning.is_some_and(|it| it.eq_ignore_ascii_case(STRUCTURED.as_bytes()))
        }
        None => found.version.is_none(),
    };
    let event = if is_structured {
        CloudEvent::from_structured(&payload)
    } else {
        let version = found.version.filter(|version| is_version(version));
        let attributes = (
            version,
            attribute(found.id),
            attribute(found.source),
            attribute(found.kind),
        );
        match attributes {
            (Some(_), Some(id), Some(source), Some(kind)) if media_type.is_none_or(is_json) => {
                Ok(CloudEvent {
                    id,
                    source,
                    kind,
                    time: found.time.and_then(decode).as_deref().and_then(parse_time),
                    data: payload,
                })
            }
            (Some(_), Some(_), Some(_), Some(_)) => Err(Unreadable::NotJson),
            _ => Err(Unreadable::NotACloudEvent),
        }
    };
    event.map_or_else(
        |reason| Delivery::Unreadable {
            source: attribute(found.source),
            reason,
        },
        Delivery::Event,
    )
}

/// The value of a header, in which `%` and two hexadecimal digits are a byte of UTF-8.
///
/// Source: [HTTP protocol binding for CloudEvents, section 3.1.3.2](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values).
fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.as_bytes().contains(&b'%') {
        return Some(Cow::from(value));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let byte = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(byte).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event() -> CloudEvent {
        CloudEvent {
            id: "0123456789abcdef-7".to_owned(),
            source: "checkout-7".to_owned(),
            kind: "cart".to_owned(),
            time: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500)),
            data: Bytes::from_static(b"[1]"),
        }
    }

    fn headers(from: &[(&'static str, &str)]) -> HeaderMap {
        let value = |value: &str| HeaderValue::from(value);
        from.iter()
            .map(|(name, text)| (HeaderName::from_static(name), value(text)))
            .collect()
    }

    fn unreadable(source: Option<&str>, reason: Unreadable) -> Delivery {
        let source = source.map(str::to_owned);
        Delivery::Unreadable { source, reason }
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let (written, data) = write(event());
        assert_eq!(read(Some(&written), data), Delivery::Event(event()));
        assert_eq!(
            written.get("ce-time").unwrap().as_str(),
            "1970-01-01T00:00:01.500Z"
        );
    }

    #[test]
    fn a_time_without_a_year_is_left_out() {
        let epoch = SystemTime::UNIX_EPOCH;
        let seconds = Duration::from_secs;
        let times = [
            (epoch.checked_sub(seconds(1)), false),
            (Some(epoch), true),
            (epoch.checked_add(seconds(253_402_300_799)), true),
            (epoch.checked_add(seconds(253_402_300_800)), false),
        ];
        for (time, is_written) in times {
            let (headers, _) = write(CloudEvent { time, ..event() });
            assert_eq!(headers.get("ce-time").is_some(), is_written, "{time:?}");
        }
    }

    #[test]
    fn headers_of_other_clients_are_read() {
        let foreign = headers(&[
            ("CE-SpecVersion", "1.0"),
            ("CE-Id", "3f0c"),
            ("CE-Source", "/caf%C3%A9%20bar"),
            ("CE-Type", "cart"),
            ("ce-datacontenttype", "application/json; charset=utf-8"),
            ("ce-subject", "x"),
        ]);
        let Delivery::Event(event) = read(Some(&foreign), Bytes::from_static(b"{}")) else {
            panic!("unreadable");
        };
        assert_eq!(
            (&*event.id, &*event.source, event.time),
            ("3f0c", "/café bar", None)
        );

        let json = br#"{"specversion":"1.0","id":"1","source":"s","type":"cart","data":[2]}"#;
        let structured = headers(&[("content-type", "application/cloudevents+json")]);
        for headers in [None, Some(&structured), Some(&HeaderMap::new())] {
            let Delivery::Event(event) = read(headers, Bytes::from_static(json)) else {
                panic!("unreadable");
            };
            assert_eq!((&*event.kind, &event.data[..]), ("cart", &b"[2]"[..]));
        }
    }

    #[test]
    fn a_message_that_is_none_says_why() {
        let none = unreadable(None, Unreadable::NotACloudEvent);
        assert_eq!(read(None, Bytes::from_static(b"hello")), none);
        let traced = headers(&[("traceparent", "00-1-2-01")]);
        assert_eq!(read(Some(&traced), Bytes::from_static(b"{}")), none);

        let (mut incomplete, data) = write(event());
        incomplete.insert("ce-specversion", "2.0");
        let named = unreadable(Some("checkout-7"), Unreadable::NotACloudEvent);
        assert_eq!(read(Some(&incomplete), data), named);

        let (mut xml, data) = write(event());
        xml.insert("content-type", "text/xml");
        let not_json = unreadable(Some("checkout-7"), Unreadable::NotJson);
        assert_eq!(read(Some(&xml), data), not_json);
    }

    #[test]
    fn a_value_is_decoded_or_refused() {
        assert_eq!(decode("a%20b%25").as_deref(), Some("a b%"));
        for wrong in ["%", "%4", "%zz", "%ff", "a%"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
