//! A report as a table that a person likes to read.

use std::fmt;

use super::{ChannelReport, HubReport, QueueReport};

impl HubReport {
    /// What a person calls the channel: its name and, where that names several, its type.
    pub(super) fn title(&self, channel: &ChannelReport) -> String {
        let name = channel.name;
        if self.channels.iter().filter(|c| c.name == name).count() > 1 {
            format!("{name} ({})", channel.type_name)
        } else {
            name.to_owned()
        }
    }
}

/// A line on the queue, then a table with a row for each listener.
impl fmt::Display for HubReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueReport {
            depth,
            peak,
            capacity,
        } = self.queue;
        writeln!(f, "queue: {depth} of {capacity} waiting, {peak} at most")?;
        let mut table = Table::new([
            "channel",
            "published",
            "retained",
            "listener",
            "kind",
            "delivered",
            "panicked",
            "waiting",
            "lost",
        ]);
        for channel in &self.channels {
            let title = self.title(channel);
            let published = channel.published.to_string();
            let retained = channel.retained.to_string();
            let mut head = [title, published, retained];
            if channel.listeners.is_empty() {
                let [title, published, retained] = head;
                table.row([
                    title,
                    published,
                    retained,
                    "-".into(),
                    "-".into(),
                    "-".into(),
                    "-".into(),
                    "-".into(),
                    "-".into(),
                ]);
                continue;
            }
            for listener in &channel.listeners {
                let [title, published, retained] = std::mem::take(&mut head);
                table.row([
                    title,
                    published,
                    retained,
                    listener.name.clone(),
                    listener.kind.to_string(),
                    listener.delivered.to_string(),
                    listener.panicked.to_string(),
                    listener.waiting.to_string(),
                    listener.lost.to_string(),
                ]);
            }
        }
        table.fmt(f)
    }
}

/// Rows of cells, as wide as the widest of their column.
struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    fn new(header: [&str; N]) -> Self {
        Self {
            rows: vec![header.map(str::to_owned)],
        }
    }

    fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| {
                if cell.parse::<u64>().is_ok() {
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
