//! Where the hub stands among its peers.

use std::fmt::Write as _;

use crate::harness::rounds::number;
use crate::harness::table::{Row, Table};

/// Of how many columns the hub is the best, and who is as good or better in the others. Limits and
/// floors are no peers, and of the hub's own ways the best counts.
pub(crate) fn describe(tables: &[Table]) -> String {
    let mut ahead = 0;
    let mut behind = String::new();
    for table in tables {
        for (place, column) in table.columns.iter().enumerate() {
            let (ours, peers): (Vec<_>, Vec<_>) = figures(table, place)
                .filter(|(row, _)| !row.is_limit)
                .partition(|(row, _)| row.name.starts_with("typed-hub"));
            let Some(best) = ours.iter().map(|(_, median)| *median).reduce(f64::min) else {
                continue;
            };
            let mut better: Vec<_> = peers
                .iter()
                .filter(|(_, median)| *median <= best)
                .map(|(row, median)| format!("{}: {}", row.name, number(*median)))
                .collect();
            match (peers.is_empty(), better.is_empty()) {
                (true, _) => {}
                (false, true) => ahead += 1,
                (false, false) => {
                    better.sort_unstable();
                    let (title, best) = (&table.title, number(best));
                    let better = better.join("; ");
                    let _ = writeln!(behind, "| {title}: {column} | {best} | {better} |");
                }
            }
        }
    }
    let columns = ahead + behind.lines().count();
    format!(
        "Of {columns} columns below in which a peer takes part, the hub is ahead of all of them in \
         {ahead}. In the others, by medians:\n\n| | typed-hub | not behind it |\n|--|--:|--|\n{behind}\n"
    )
}

fn figures(table: &Table, column: usize) -> impl Iterator<Item = (&Row, f64)> {
    let rows = table.rows.iter();
    rows.filter_map(move |row| Some((row, row.figure(column)?.median)))
}
