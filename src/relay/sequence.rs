//! The numbers of the events of each origin: which are missing, and which come again.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use super::origin::Origin;

/// One export: a process that exports anew begins another run, and numbers its events from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Run(u64);

/// What follows the number in the id of a heartbeat.
const HEARTBEAT_ID: &str = "-heartbeat-";

impl Run {
    /// A run unlike all others.
    pub(super) fn new() -> Self {
        // Each `RandomState` has keys of its own, which begin as random bytes of the system.
        Self(RandomState::new().build_hasher().finish())
    }

    /// The id of the run's event of this number.
    pub(super) fn id(self, number: u64) -> String {
        format!("{:016x}-{number}", self.0)
    }

    /// The id of a heartbeat, which says the number of the run's last event.
    pub(super) fn heartbeat_id(self, number: u64, heartbeat: u64) -> String {
        format!("{}{HEARTBEAT_ID}{heartbeat}", self.id(number))
    }

    /// The run and the number of a heartbeat's id, if a relay has made it.
    pub(super) fn parse_heartbeat(id: &str) -> Option<(Self, u64)> {
        Self::parse(id.split_once(HEARTBEAT_ID)?.0)
    }

    /// The run and the number of an id, if a relay has made it.
    pub(super) fn parse(id: &str) -> Option<(Self, u64)> {
        let (run, number) = id.split_once('-')?;
        let is_hexadecimal = run
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_decimal = number.bytes().all(|byte| byte.is_ascii_digit());
        if run.len() != 16 || !is_hexadecimal || !is_decimal {
            return None;
        }
        let run = u64::from_str_radix(run, 16).ok()?;
        Some((Self(run), number.parse().ok()?))
    }
}

/// The origins heard of on one channel, and the last number of each of their runs.
///
/// Bounded: a client can send under any name. An origin that has been silent longest is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Origins {
    origins: HashMap<Origin, Runs>,
    /// How many messages have been seen.
    clock: u64,
}

#[derive(Debug)]
struct Runs {
    /// The latest comes last.
    runs: Vec<(Run, u64)>,
    last_seen: u64,
}

/// What the number of an event says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The event is new, and this many before it are missing.
    New { missed: u64 },
    /// The event has been published or counted as missing before.
    Again,
}

const MAX_ORIGINS: usize = 1_024;
const MAX_RUNS: usize = 8;

/// How far back a broker may begin to send again, in events. A number further back than this means that the
/// origin has restarted its numbering.
pub(super) const REDELIVERED: u64 = 1_024;

impl Origins {
    /// Notes an event.
    pub(super) fn event(&mut self, origin: &str, run: Run, number: u64) -> (Origin, Verdict) {
        let (origin, last) = self.last(origin, run);
        let Some(last) = last else {
            self.set(&origin, run, number);
            return (origin, Verdict::New { missed: 0 });
        };
        if number <= last && last - number < REDELIVERED {
            // It has been published, or counted as missing: it comes late, from a connection that was lost.
            return (origin, Verdict::Again);
        }
        self.set(&origin, run, number);
        let missed = number.saturating_sub(last).saturating_sub(1);
        (origin, Verdict::New { missed })
    }

    /// Notes that the run's last event had this number, and returns how many events are missing.
    pub(super) fn heartbeat(&mut self, origin: &str, run: Run, number: u64) -> (Origin, u64) {
        let (origin, last) = self.last(origin, run);
        let last = last.unwrap_or(number);
        self.set(&origin, run, number.max(last));
        (origin, number.saturating_sub(last))
    }

    /// The name of an origin whose events have no numbers.
    pub(super) fn named(&mut self, origin: &str) -> Origin {
        match self.origins.get_key_value(origin) {
            Some((origin, _)) => origin.clone(),
            None => Origin::new(origin),
        }
    }

    fn last(&mut self, origin: &str, run: Run) -> (Origin, Option<u64>) {
        let origin = self.named(origin);
        let runs = self.origins.get(&origin);
        let of_run = |runs: &Runs| {
            runs.runs
                .iter()
                .find(|(other, _)| *other == run)
                .map(|(_, last)| *last)
        };
        (origin, runs.and_then(of_run))
    }

    fn set(&mut self, origin: &Origin, run: Run, number: u64) {
        self.clock += 1;
        if let Some(known) = self.origins.get_mut(origin) {
            known.last_seen = self.clock;
            match known.runs.iter().position(|(other, _)| *other == run) {
                Some(place) => drop(known.runs.remove(place)),
                None if known.runs.len() == MAX_RUNS => drop(known.runs.remove(0)),
                None => {}
            }
            known.runs.push((run, number));
            return;
        }
        if self.origins.len() == MAX_ORIGINS {
            let silent = self.origins.iter().min_by_key(|(_, runs)| runs.last_seen);
            if let Some(silent) = silent.map(|(origin, _)| origin.clone()) {
                self.origins.remove(&silent);
            }
        }
        let runs = Runs {
            runs: vec![(run, number)],
            last_seen: self.clock,
        };
        self.origins.insert(origin.clone(), runs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run = Run(7);

    fn verdict(origins: &mut Origins, number: u64) -> Verdict {
        origins.event("a", RUN, number).1
    }

    #[test]
    fn an_id_says_the_run_and_the_number() {
        let run = Run::new();
        assert_ne!(run, Run::new());
        assert_eq!(Run::parse(&run.id(17)), Some((run, 17)));
        assert_eq!(Run::parse(&run.id(u64::MAX)), Some((run, u64::MAX)));
        assert_eq!(
            Run::parse_heartbeat(&run.heartbeat_id(17, 3)),
            Some((run, 17))
        );
        assert_eq!(Run::parse(&run.heartbeat_id(17, 3)), None);
        assert_eq!(Run::parse_heartbeat(&run.id(17)), None);
        for foreign in [
            "",
            "17",
            "0123456789abcdef",
            "0123456789abcdef-",
            "0123456789abcdef-+1",
            "0123456789ABCDEF-1",
            "+123456789abcdef-1",
            "0123456789abcdef-99999999999999999999",
            "3f0c5b4e-9d0e-4b5a-8d0f-111111111111",
        ] {
            assert_eq!(Run::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn gaps_are_counted_and_duplicates_seen() {
        let mut origins = Origins::default();
        assert_eq!(verdict(&mut origins, 5), Verdict::New { missed: 0 });
        assert_eq!(verdict(&mut origins, 6), Verdict::New { missed: 0 });
        assert_eq!(verdict(&mut origins, 10), Verdict::New { missed: 3 });
        for again in [10, 5, 7] {
            assert_eq!(verdict(&mut origins, again), Verdict::Again);
        }
        assert_eq!(verdict(&mut origins, 11), Verdict::New { missed: 0 });
    }

    #[test]
    fn each_run_and_each_origin_has_its_own_numbers() {
        let mut origins = Origins::default();
        verdict(&mut origins, 100);
        assert_eq!(origins.event("a", Run(8), 1).1, Verdict::New { missed: 0 });
        assert_eq!(origins.event("b", RUN, 1).1, Verdict::New { missed: 0 });
        assert_eq!(verdict(&mut origins, 102), Verdict::New { missed: 1 });
        assert_eq!(origins.event("a", Run(8), 2).1, Verdict::New { missed: 0 });
    }

    #[test]
    fn a_heartbeat_tells_what_is_missing_at_the_end() {
        let mut origins = Origins::default();
        assert_eq!(origins.heartbeat("a", RUN, 0).1, 0);
        assert_eq!(verdict(&mut origins, 3), Verdict::New { missed: 2 });
        assert_eq!(origins.heartbeat("a", RUN, 3).1, 0);
        assert_eq!(origins.heartbeat("a", RUN, 5).1, 2);
        assert_eq!(origins.heartbeat("a", RUN, 5).1, 0);
        assert_eq!(origins.heartbeat("a", RUN, 4).1, 0);
        assert_eq!(verdict(&mut origins, 6), Verdict::New { missed: 0 });
    }

    #[test]
    fn an_origin_that_lies_about_its_numbers_is_heard_again() {
        let mut origins = Origins::default();
        verdict(&mut origins, 1);
        let missed = u64::MAX - 2;
        assert_eq!(verdict(&mut origins, u64::MAX), Verdict::New { missed });
        assert_eq!(verdict(&mut origins, 2), Verdict::New { missed: 0 });
        assert_eq!(verdict(&mut origins, 3), Verdict::New { missed: 0 });
        assert_eq!(verdict(&mut origins, 0), Verdict::Again);
    }

    #[test]
    fn an_origin_that_is_heard_is_not_forgotten() {
        let mut origins = Origins::default();
        origins.event("quiet", RUN, 7);
        for number in 0..3_000 {
            origins.event(&format!("origin-{number}"), RUN, 1);
            origins.heartbeat("quiet", RUN, 7);
        }
        let missed = origins.event("quiet", RUN, 9).1;
        assert_eq!(missed, Verdict::New { missed: 1 });
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut origins = Origins::default();
        for number in 0..3_000 {
            origins.event(&format!("origin-{number}"), RUN, 1);
            origins.event("steady", Run(number), 1);
        }
        assert_eq!(origins.origins.len(), MAX_ORIGINS);
        assert_eq!(origins.origins["steady"].runs.len(), MAX_RUNS);
    }
}
