//! The clock of the benches.
//!
//! A round gives every contestant one lap, and starts with another one than the round before.
//! What else the machine does at the time thus falls on all of them alike, and a ratio of medians
//! means something even where the absolute figures move. criterion and divan measure one
//! contestant after the other and cannot alternate: hence a clock of our own.

use std::fmt;
use std::time::Duration;

use super::contestant::{Job, Lap, Samples};

/// How long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    /// What a lap of each contestant takes, roughly.
    pub(crate) lap: Duration,
    /// What stands for "very many listeners".
    pub(crate) many: usize,
    /// Events to a parked listener in a round, at 150 µs and at 10 ms between two.
    pub(crate) samples: [u64; 2],
}

impl Settings {
    pub(crate) const FULL: Self = Self {
        rounds: 11,
        lap: Duration::from_millis(20),
        many: 10_000,
        samples: [300, 50],
    };

    /// Enough to see that everything runs. Its figures mean little.
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        lap: Duration::from_millis(1),
        many: 500,
        samples: [20, 3],
    };
}

/// What the rounds say of one contestant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Bytes,
}

impl Figure {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: values[values.len() / 2],
            least: values[0],
            most: values[values.len() - 1],
            unit: Unit::Nanoseconds,
        }
    }

    pub(crate) fn bytes(count: f64) -> Self {
        Self {
            median: count,
            least: count,
            most: count,
            unit: Unit::Bytes,
        }
    }
}

/// The median, and the range in parentheses where there is one.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Bytes => write!(f, "{}", number(self.median)),
            Unit::Nanoseconds => {
                let [median, least, most] = [self.median, self.least, self.most].map(number);
                write!(f, "{median} ({least}–{most})")
            }
        }
    }
}

/// Three digits that mean something, and thousands apart.
pub(crate) fn number(value: f64) -> String {
    match value {
        ..9.95 => format!("{value:.1}"),
        ..999.5 => format!("{value:.0}"),
        _ => {
            let digits = format!("{value:.0}");
            let mut apart = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place).is_multiple_of(3) {
                    apart.push(',');
                }
                apart.push(digit);
            }
            apart
        }
    }
}

/// Gives every job its laps.
pub(crate) fn measure(settings: Settings, mut jobs: Vec<Job>) -> Vec<Figure> {
    let times: Vec<_> = jobs
        .iter_mut()
        .map(|job| calibrate(settings.lap, job))
        .collect();
    let mut laps = vec![Vec::new(); jobs.len()];
    alternate(settings.rounds, jobs.len(), |turn| {
        laps[turn].push(jobs[turn](times[turn]).per_time());
    });
    laps.into_iter().map(Figure::of).collect()
}

/// Gives everybody its samples. Two figures: the median latency, and the 99th percentile, each of
/// all rounds' samples, and its range over the rounds.
pub(crate) fn sample(
    settings: Settings,
    count: u64,
    mut samplers: Vec<Samples>,
) -> Vec<[Figure; 2]> {
    let mut rounds = vec![Vec::new(); samplers.len()];
    alternate(settings.rounds, samplers.len(), |turn| {
        rounds[turn].push(samplers[turn](count));
    });
    rounds
        .into_iter()
        .map(|rounds| [50, 99].map(|percent| percentile(&rounds, percent)))
        .collect()
}

fn percentile(rounds: &[Vec<Duration>], percent: usize) -> Figure {
    let of = |samples: &[Duration]| {
        let mut samples = samples.to_vec();
        samples.sort_unstable();
        nanoseconds(samples[(samples.len() * percent / 100).min(samples.len() - 1)])
    };
    let by_round = Figure::of(rounds.iter().map(|samples| of(samples)).collect());
    Figure {
        median: of(&rounds.concat()),
        ..by_round
    }
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

fn alternate(rounds: usize, turns: usize, mut lap: impl FnMut(usize)) {
    for round in 0..rounds {
        for turn in 0..turns {
            lap((round + turn) % turns);
        }
    }
}

/// How many times fill a lap. It warms up on the way.
fn calibrate(lap: Duration, job: &mut Job) -> u64 {
    let mut times = 1;
    loop {
        let Lap {
            times: done,
            elapsed,
        } = job(times);
        let fits = lap.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a positive number far below 2^52"
        )]
        let wanted = ((done as f64 * fits) as u64).max(1);
        if wanted <= done.saturating_mul(4) {
            return wanted;
        }
        // Not at once: the first, cold times say little.
        times = wanted.min(done * 16);
    }
}
