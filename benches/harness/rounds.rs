//! The clock of the benches.
//!
//! A round gives every contestant one lap, and starts with another one than the round before.
//! What else the machine does at the time thus falls on all of them alike, and a ratio of medians
//! means something even where the absolute figures move. criterion and divan measure one
//! contestant after the other and cannot alternate: hence a clock of our own.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::contestant::{Contestant, Entry, Lap};
use super::watched::{Stalled, Task, Watched};

/// What a table's column asks of a contestant.
pub(crate) type Question<T> = Arc<dyn Fn(&'static dyn Contestant) -> Option<Task<T>> + Send + Sync>;

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
    /// How long a contestant may take to answer: to make a task, to run it once, to drop it. Far
    /// more than the slowest needs on a machine that does something else as well.
    pub(crate) limit: Duration,
}

impl Settings {
    pub(crate) const FULL: Self = Self {
        rounds: 11,
        lap: Duration::from_millis(20),
        many: 10_000,
        samples: [300, 50],
        limit: Duration::from_secs(30),
    };

    /// Enough to see that everything runs. Its figures mean little.
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        lap: Duration::from_millis(1),
        many: 500,
        samples: [20, 3],
        limit: Duration::from_secs(10),
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

/// What came of a contestant's part in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// It takes no part.
    Absent,
    /// It did not answer in time, here or before, and was left behind.
    Stalled,
    Done(T),
}

impl<T> Outcome<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Absent => Outcome::Absent,
            Self::Stalled => Outcome::Stalled,
            Self::Done(done) => Outcome::Done(change(done)),
        }
    }

    pub(crate) fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Absent | Self::Stalled => None,
        }
    }
}

/// Gives every contestant its laps.
pub(crate) fn measure(
    settings: Settings,
    all: &[&Entry],
    question: &Question<Lap>,
) -> Vec<Outcome<Figure>> {
    let calibrated = |task| calibrate(settings.lap, task);
    let laps = take_turns(settings.limit, settings.rounds, all, question, calibrated);
    let figure = |laps: Vec<Lap>| Figure::of(laps.into_iter().map(Lap::per_time).collect());
    laps.into_iter().map(|laps| laps.map(figure)).collect()
}

/// Gives every contestant its samples. Two figures: the median latency, and the 99th percentile,
/// each of all rounds' samples, and its range over the rounds.
pub(crate) fn sample(
    settings: Settings,
    count: u64,
    all: &[&Entry],
    question: &Question<Vec<Duration>>,
) -> Vec<Outcome<[Figure; 2]>> {
    let ready = |task| Ok((task, count));
    let samples = take_turns(settings.limit, settings.rounds, all, question, ready);
    let figures = |rounds: Vec<_>| [50, 99].map(|percent| percentile(&rounds, percent));
    samples
        .into_iter()
        .map(|rounds| rounds.map(figures))
        .collect()
}

/// Asks every contestant once: for bytes, which are the same every time.
pub(crate) fn weighed(
    settings: Settings,
    all: &[&Entry],
    question: &Question<f64>,
) -> Vec<Outcome<Figure>> {
    let weights = take_turns(settings.limit, 1, all, question, |task| Ok((task, 1)));
    let figure = |weights: Vec<f64>| Figure::bytes(weights[0]);
    weights
        .into_iter()
        .map(|weights| weights.map(figure))
        .collect()
}

/// A contestant's task, how often it does its work in a turn, and what its turns have answered.
struct Lane<T> {
    task: Watched<T>,
    times: u64,
    answers: Vec<T>,
}

/// Has all tasks made, each `prepared`, gives them their turns, and has them dropped. A contestant
/// that stalls is left behind, and what it has answered before does not count.
fn take_turns<T: Send + 'static>(
    limit: Duration,
    rounds: usize,
    all: &[&Entry],
    question: &Question<T>,
    prepared: impl Fn(Watched<T>) -> Result<(Watched<T>, u64), Stalled>,
) -> Vec<Outcome<Vec<T>>> {
    let made = |entry: &&Entry| -> Outcome<Watched<T>> {
        let (who, question) = (entry.who, Arc::clone(question));
        if entry.stalled.get() {
            return Outcome::Stalled;
        }
        match Watched::start(who.name(), limit, move || question(who)) {
            Ok(Some(task)) => Outcome::Done(task),
            Ok(None) => Outcome::Absent,
            Err(Stalled) => left_behind(entry),
        }
    };
    let tasks: Vec<_> = all.iter().map(made).collect();

    let lane = |task| {
        let (task, times) = prepared(task)?;
        let answers = Vec::new();
        Ok(Lane {
            task,
            times,
            answers,
        })
    };
    let tasks = all.iter().zip(tasks);
    let mut lanes: Vec<_> = tasks
        .map(|(entry, task)| go_on(entry, task, lane))
        .collect();

    let present = |turn: &usize| matches!(lanes[*turn], Outcome::Done(_));
    let turns: Vec<_> = (0..all.len()).filter(present).collect();
    for round in 0..rounds {
        for turn in 0..turns.len() {
            let turn = turns[(round + turn) % turns.len()];
            let lane = mem::replace(&mut lanes[turn], Outcome::Absent);
            lanes[turn] = go_on(all[turn], lane, Lane::run);
        }
    }
    let lanes = all.iter().zip(lanes);
    lanes
        .map(|(entry, lane)| go_on(entry, lane, Lane::end))
        .collect()
}

impl<T: Send + 'static> Lane<T> {
    fn run(mut self) -> Result<Self, Stalled> {
        let (task, answer) = self.task.run(self.times)?;
        self.answers.push(answer);
        Ok(Self { task, ..self })
    }

    fn end(self) -> Result<Vec<T>, Stalled> {
        self.task.end()?;
        Ok(self.answers)
    }
}

/// Takes a contestant's next step, if it is still there.
fn go_on<T, U>(
    entry: &Entry,
    done: Outcome<T>,
    step: impl FnOnce(T) -> Result<U, Stalled>,
) -> Outcome<U> {
    match done.map(step) {
        Outcome::Done(Ok(done)) => Outcome::Done(done),
        Outcome::Done(Err(Stalled)) => left_behind(entry),
        Outcome::Stalled => Outcome::Stalled,
        Outcome::Absent => Outcome::Absent,
    }
}

#[cold]
fn left_behind<T>(entry: &Entry) -> Outcome<T> {
    eprintln!("    {}: stalled, and left behind", entry.who.name());
    entry.stalled.set(true);
    Outcome::Stalled
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

/// How many times fill a lap. It warms up on the way.
fn calibrate(lap: Duration, mut task: Watched<Lap>) -> Result<(Watched<Lap>, u64), Stalled> {
    let mut times = 1;
    loop {
        let (same, done) = task.run(times)?;
        let fits = lap.as_secs_f64() / done.elapsed.as_secs_f64().max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a positive number far below 2^52"
        )]
        let wanted = ((done.times as f64 * fits) as u64).max(1);
        if wanted <= done.times.saturating_mul(4) {
            return Ok((same, wanted));
        }
        // Not at once: the first, cold times say little.
        times = wanted.min(done.times * 16);
        task = same;
    }
}
