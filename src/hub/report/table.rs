//! A report as a table.

use std::fmt;

use super::{ChannelReport, HubReport, QueueReport};

impl HubReport {
    /// The channel's name and, if several channels have that name, its type.
    pub(super) fn title(&self, channel: &ChannelReport) -> String {
        let name = channel.name;
        if self.channels.iter().filter(|c| c.name == name).count() > 1 {
            format!("{name} ({})", channel.type_name)
        } else {
            name.to_owned()
        }
    }
}

/// The columns; `true` for columns of numbers, which are right-aligned.
const COLUMNS: [(&str, bool); 9] = [
    ("channel", false),
    ("published", true),
    ("retained", true),
    ("listener", false),
    ("kind", false),
    ("delivered", true),
    ("panicked", true),
    ("waiting", true),
    ("lost", true),
];

type Row = [String; COLUMNS.len()];

/// Writes a line on the queue, then a table with a row for each listener.
impl fmt::Display for HubReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueReport {
            depth,
            peak,
            capacity,
        } = self.queue;
        writeln!(f, "queue: {depth} of {capacity} waiting, {peak} at most")?;
        let header = COLUMNS.map(|(title, _)| title.to_owned());
        let rows = self.channels.iter().flat_map(|channel| self.rows(channel));
        let rows: Vec<_> = [header].into_iter().chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [_; COLUMNS.len()] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for row in &rows {
            let cells = row.iter().zip(COLUMNS).zip(widths);
            let cells = cells.map(|((cell, (_, is_number)), width)| {
                if is_number {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl HubReport {
    /// A row for each listener, or one row when there is none. The first row names the channel.
    fn rows(&self, channel: &ChannelReport) -> Vec<Row> {
        let mut head = [
            self.title(channel),
            channel.published.to_string(),
            channel.retained.to_string(),
        ];
        let mut row = |tail: [String; 6]| {
            let [title, published, retained] = std::mem::take(&mut head);
            let [listener, kind, delivered, panicked, waiting, lost] = tail;
            [
                title, published, retained, listener, kind, delivered, panicked, waiting, lost,
            ]
        };
        if channel.listeners.is_empty() {
            return vec![row(["-"; 6].map(str::to_owned))];
        }
        let listeners = channel.listeners.iter().map(|listener| {
            row([
                one_line(&listener.name),
                listener.kind.to_string(),
                listener.delivered.to_string(),
                listener.panicked.to_string(),
                listener.waiting.to_string(),
                listener.lost.to_string(),
            ])
        });
        listeners.collect()
    }
}

/// A name with its control characters replaced, so that it stays on one line.
fn one_line(name: &str) -> String {
    name.replace(char::is_control, " ")
}
