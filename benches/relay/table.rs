//! The figures, as a Markdown table.

#![expect(
    clippy::cast_precision_loss,
    reason = "numbers and nanoseconds far below 2^52"
)]

use std::fmt::Write as _;
use std::time::Duration;

use crate::contestants::{Contestant, Mode};
use crate::pair::Stalled;

/// What the laps of a contestant have shown, a value for each.
pub(crate) struct Laps {
    pub(crate) contestant: Contestant,
    pub(crate) stalled: Option<Stalled>,
    per_second: Vec<f64>,
    /// Processor time of the publisher and of the listener, in µs an event.
    processor: [Vec<f64>; 2],
    /// Latency in µs.
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Laps {
    pub(crate) fn of(contestant: Contestant) -> Self {
        Self {
            contestant,
            stalled: None,
            per_second: Vec::new(),
            processor: [Vec::new(), Vec::new()],
            p50: Vec::new(),
            p99: Vec::new(),
        }
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::of(self.contestant);
    }

    pub(crate) fn burst(
        &mut self,
        count: u64,
        elapsed: u64,
        processor: Option<([Duration; 2], [Duration; 2])>,
    ) {
        let count = count as f64;
        self.per_second.push(count * 1e9 / elapsed.max(1) as f64);
        if let Some((before, after)) = processor {
            for side in 0..2 {
                let time = after[side].saturating_sub(before[side]);
                self.processor[side].push(time.as_secs_f64() * 1e6 / count);
            }
        }
    }

    fn columns(&self) -> [Vec<f64>; 5] {
        [
            self.per_second.iter().map(|value| value / 1e3).collect(),
            self.processor[0].clone(),
            self.processor[1].clone(),
            self.p50.clone(),
            self.p99.clone(),
        ]
    }

    pub(crate) fn paced(&mut self, mut under_way: Vec<u64>) {
        under_way.sort_unstable();
        let percentile = |percent| under_way[under_way.len() * percent / 100] as f64 / 1e3;
        self.p50.push(percentile(50));
        self.p99.push(percentile(99));
    }
}

/// A row for each contestant, and below them the relay beside the loop with the same headers.
pub(crate) fn show(mode: Mode, all: &[Laps]) -> String {
    let mut text = format!(
        "| {} | thousand events/s | processor, publisher | processor, listener | latency p50 | p99 |\n\
         |--|--:|--:|--:|--:|--:|\n",
        mode.name()
    );
    let columns = Laps::columns;
    let bare = columns(&all[0]);
    for laps in all {
        let name = laps.contestant.name();
        let _ = write!(text, "| {name} |");
        match laps.stalled {
            Some(stalled) => text.push_str(&format!(" {stalled} |").repeat(bare.len())),
            None => {
                for ((column, bare), unit) in columns(laps).iter().zip(&bare).zip(UNITS) {
                    let _ = write!(text, " {} {} |", value(column, unit), ratio(column, bare));
                }
            }
        }
        text.push('\n');
    }
    if let [_, with_headers, relay] = all
        && all.iter().all(|laps| laps.stalled.is_none())
    {
        text.push_str("| relay ÷ with headers |");
        for (relay, with_headers) in columns(relay).iter().zip(&columns(with_headers)) {
            let _ = write!(text, " {} |", ratio(relay, with_headers));
        }
        text.push('\n');
    }
    text
}

const UNITS: [&str; 5] = ["", " µs", " µs", " µs", " µs"];

/// The median of the laps and their range.
fn value(values: &[f64], unit: &str) -> String {
    let Some([median, least, most]) = spread(values.iter().copied()) else {
        return "–".to_owned();
    };
    let digits = usize::from(median < 99.95) + usize::from(median < 9.95);
    format!("{median:.digits$}{unit} ({least:.digits$}–{most:.digits$})")
}

/// The median and the range of the ratios to another contestant's lap in the same round.
fn ratio(values: &[f64], others: &[f64]) -> String {
    let ratios = values
        .iter()
        .zip(others)
        .map(|(value, other)| value / other);
    let Some([median, least, most]) = spread(ratios) else {
        return String::new();
    };
    format!("**{median:.2}×** ({least:.2}–{most:.2})")
}

fn spread(values: impl Iterator<Item = f64>) -> Option<[f64; 3]> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let median = *values.get(values.len() / 2)?;
    Some([median, values[0], values[values.len() - 1]])
}
