//! A report as a picture.

use std::fmt;

use super::HubReport;

impl HubReport {
    /// The hub as a directed graph in the [DOT language](https://graphviz.org/doc/info/lang.html):
    /// the lines that publish, the channels, the listeners. `dot -Tsvg` draws it.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let guard = hub.listen::<Auth>(|event| println!("{}", event.kind()));
    /// assert!(hub.inspect().dot().to_string().starts_with("digraph hub {"));
    /// # drop(guard);
    /// ```
    pub fn dot(&self) -> impl fmt::Display {
        Dot(self)
    }
}

struct Dot<'a>(&'a HubReport);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        writeln!(f, "digraph hub {{")?;
        writeln!(f, "  rankdir=LR;")?;
        for (index, channel) in report.channels.iter().enumerate() {
            let title = report.title(channel);
            let label = format!("{title}\n{} published", channel.published);
            writeln!(f, "  channel{index} [label={}, shape=box];", quoted(&label))?;
            for publisher in &channel.publishers {
                writeln!(f, "  {} -> channel{index};", quoted(publisher))?;
            }
            for (place, listener) in channel.listeners.iter().enumerate() {
                let label = format!(
                    "{}\n{}, {} delivered",
                    listener.name, listener.kind, listener.delivered
                );
                let node = format!("listener{index}_{place}");
                writeln!(f, "  {node} [label={}, shape=ellipse];", quoted(&label))?;
                writeln!(f, "  channel{index} -> {node};")?;
            }
        }
        writeln!(f, "}}")
    }
}

/// A string of the DOT language: double quotes and backslashes are escaped, line ends are `\n`.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}
