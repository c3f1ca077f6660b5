//! A workload's results, as a Markdown table.

use std::fmt;

use super::rounds::{Figure, Outcome};

/// A row for each contestant, a column for each size of the workload.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// The contestants that stalled in this workload.
    pub(crate) stalled: Vec<&'static str>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) is_limit: bool,
    /// By column.
    pub(crate) cells: Vec<Outcome<Figure>>,
}

impl Row {
    pub(crate) fn figure(&self, column: usize) -> Option<Figure> {
        self.cells[column].done()
    }
}

impl Table {
    /// What a column's figures are compared with: the first limit that has one.
    fn limit(&self, column: usize) -> Option<Figure> {
        let mut limits = self.rows.iter().filter(|row| row.is_limit);
        limits.find_map(|row| row.figure(column))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        writeln!(f, "| | {} |", self.columns.join(" | "))?;
        writeln!(f, "|--|{}", "--:|".repeat(self.columns.len()))?;
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            for (column, cell) in row.cells.iter().enumerate() {
                match (cell, self.limit(column)) {
                    (Outcome::Absent, _) => write!(f, " – |")?,
                    (Outcome::Stalled, _) => write!(f, " stalled |")?,
                    (Outcome::Done(figure), Some(limit)) if limit.median > 0.0 => {
                        let ratio = figure.median / limit.median;
                        let digits = usize::from(ratio < 99.95) + usize::from(ratio < 9.995);
                        write!(f, " {figure} **{ratio:.digits$}×** |")?;
                    }
                    (Outcome::Done(figure), _) => write!(f, " {figure} |")?,
                }
            }
            writeln!(f)?;
        }
        for name in &self.stalled {
            writeln!(
                f,
                "\n{name} stalled in this workload ({}). It takes no part in what follows, while \
                 its threads are still there and may slow the others down.",
                self.title
            )?;
        }
        Ok(())
    }
}
