use serde::de::DeserializeOwned;
use typed_hub::auth::AuthKey;

fn copied<K: Copy>() {}
fn cloned<K: Clone>() {}
fn defaulted<K: Default>() {}
fn deserialized<K: DeserializeOwned>() {}
fn parsed<K: std::str::FromStr>() {}
fn converted<K: From<()>>() {}

fn main() {
    copied::<AuthKey>();
    cloned::<AuthKey>();
    defaulted::<AuthKey>();
    deserialized::<AuthKey>();
    parsed::<AuthKey>();
    converted::<AuthKey>();
}
