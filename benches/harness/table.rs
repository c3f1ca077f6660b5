//! A workload's results, as a Markdown table.

use std::fmt;

use super::rounds::Figure;

/// A row for each contestant, a column for each size of the workload.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) is_limit: bool,
    /// By column; `None` where the contestant takes no part.
    pub(crate) figures: Vec<Option<Figure>>,
}

impl Table {
    /// What a column's figures are compared with: the first limit that has one.
    fn limit(&self, column: usize) -> Option<Figure> {
        let mut limits = self.rows.iter().filter(|row| row.is_limit);
        limits.find_map(|row| row.figures[column])
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        writeln!(f, "| | {} |", self.columns.join(" | "))?;
        writeln!(f, "|--|{}", "--:|".repeat(self.columns.len()))?;
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            for (column, figure) in row.figures.iter().enumerate() {
                match (figure, self.limit(column)) {
                    (None, _) => write!(f, " – |")?,
                    (Some(figure), Some(limit)) if limit.median > 0.0 => {
                        let ratio = figure.median / limit.median;
                        let digits = usize::from(ratio < 99.95) + usize::from(ratio < 9.995);
                        write!(f, " {figure} **{ratio:.digits$}×** |")?;
                    }
                    (Some(figure), _) => write!(f, " {figure} |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
