//! The options of a loopback address.

use typed_builder::TypedBuilder;

use super::loopback::{Loopback, LoopbackError};

/// The options of a [`Loopback`], set by [`Loopback::builder`].
#[derive(Clone, Debug, TypedBuilder)]
#[builder(
    builder_type(doc = "Options of a [`Loopback`]."),
    build_method(
        doc = "Listens.\n\n# Errors\n\nSee [`Loopback::builder`].",
        into = Result<Loopback, LoopbackError>
    )
)]
pub struct LoopbackOptions {
    /// The port; unless set, or if it is 0, a free one. For providers that accept only a registered
    /// redirect URI.
    #[builder(default)]
    pub(super) port: u16,
    /// The path; unless set, `/callback`.
    #[builder(default = "/callback".to_owned(), setter(into))]
    pub(super) path: String,
    /// Whether the redirect URI names the host `localhost` instead of 127.0.0.1, for providers that
    /// accept any port of that name only (Microsoft Entra ID). Then the address listens on `[::1]`
    /// as well, which the name may mean. Unless set, no: a literal address cannot be resolved to
    /// anything else ([RFC 8252, section
    /// 8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3)).
    #[builder(default)]
    pub(super) localhost: bool,
    /// The page that the browser shows at the end, as HTML in UTF-8; unless set, one sentence. It
    /// is shown whether or not the sign-in succeeds. It may have an inline style and pictures in
    /// `data:` URLs; scripts and requests are blocked.
    #[builder(default, setter(transform = |html: impl Into<String>| Some(html.into())))]
    pub(super) page: Option<String>,
}

impl From<LoopbackOptions> for Result<Loopback, LoopbackError> {
    fn from(options: LoopbackOptions) -> Self {
        Loopback::listen(options)
    }
}
