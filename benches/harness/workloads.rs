//! The workloads: which table asks what of the contestants.

use std::time::Duration;

use super::allocator::weigh;
use super::contestant::{Contestant, Held, Job, Shape};
use super::rounds::{Figure, Settings, measure, number, sample};
use super::table::{Row, Table};

type Contestants = [Box<dyn Contestant>];

/// What a table's columns ask of a contestant.
type Column<'a> = (String, Question<'a>);
type Question<'a> = Box<dyn Fn(&dyn Contestant) -> Option<Job> + 'a>;

pub(crate) const INLINE: &str = "Inline listeners";
pub(crate) const QUEUED: &str = "Asynchronous, one publisher, payload by value";

const FEW: [usize; 3] = [1, 4, 16];

/// Runs those whose title contains `only`.
pub(crate) fn run(contestants: &Contestants, settings: Settings, only: &str) -> Vec<Table> {
    type Workload = fn(&Contestants, Settings) -> Table;
    let workloads: [(&str, Workload); 14] = [
        (INLINE, inline),
        ("Inline listeners, among many channels", among_channels),
        ("Inline listeners, two threads on one channel", two_threads),
        (QUEUED, |all, settings| end_to_end(all, settings, false)),
        (
            "Asynchronous, one publisher, payload in an `Arc`",
            |all, settings| end_to_end(all, settings, true),
        ),
        (
            "Asynchronous, four publishers to four listeners",
            four_publishers,
        ),
        ("Asynchronous, the publisher's part", burst),
        ("Latency of a parked listener", latency),
        ("In one thread, with callbacks", callbacks),
        ("In one thread, with receivers", readers),
        ("Listen and drop", listen_and_drop),
        ("Publishing after a change", after_change),
        ("Replay of 16 retained events", replay),
        ("Memory", memory),
    ];
    workloads
        .into_iter()
        .filter(|(title, _)| title.contains(only))
        .map(|(title, workload)| {
            eprintln!("{title} …");
            let mut table = workload(contestants, settings);
            title.clone_into(&mut table.title);
            table
        })
        .collect()
}

/// Where a contestant does another job than its neighbours in a table.
pub(crate) fn differences(contestants: &Contestants) -> String {
    let mut lines: Vec<_> = contestants
        .iter()
        .filter(|who| !who.differs().is_empty())
        .map(|who| format!("- {}: {}.\n", who.name(), who.differs()))
        .collect();
    lines.dedup();
    lines.concat()
}

fn inline(all: &Contestants, settings: Settings) -> Table {
    let columns = [0, 1, 4, 16, 64, settings.many];
    timed(
        all,
        settings,
        "ns for each publish, by number of listeners.",
        columns
            .map(|listeners| (label(listeners), column(move |who| who.inline(listeners))))
            .into(),
    )
}

fn among_channels(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for each publish, by number of listeners on each of the ten channels that are published \
         on in turn. The limit knows its list and has nothing to look for.",
        [1, 4]
            .map(|listeners| {
                let job = move |who: &dyn Contestant| {
                    let bare = || who.inline(listeners).filter(|_| who.is_limit());
                    who.inline_among_channels(listeners).or_else(bare)
                };
                (label(listeners), column(job))
            })
            .into(),
    )
}

fn two_threads(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for a publish on one of the two threads, both of which publish all the time. The \
         listeners' counters are shared, by the limit too.",
        vec![(label(4), column(|who| who.inline_on_two_threads(4)))],
    )
}

fn end_to_end(all: &Contestants, settings: Settings, shared: bool) -> Table {
    timed(
        all,
        settings,
        "ns for each event, from the first publish until the last listener has had the last event, \
         by number of listeners. Threads, capacity 1,024, nothing lost.",
        FEW.map(|listeners| {
            let shape = Shape {
                publishers: 1,
                listeners,
                shared,
            };
            (label(listeners), column(move |who| who.end_to_end(shape)))
        })
        .into(),
    )
}

fn four_publishers(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for each event of any publisher, otherwise as above.",
        [("by value", false), ("in an `Arc`", true)]
            .map(|(name, shared)| {
                let shape = Shape {
                    publishers: 4,
                    listeners: 4,
                    shared,
                };
                let job = move |who: &dyn Contestant| who.end_to_end(shape);
                (name.to_owned(), column(job))
            })
            .into(),
    )
}

fn burst(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for each publish, without what the listeners do: 512 events by value, half the \
         capacity, to listeners that sleep at first, by number of listeners.",
        FEW.map(|listeners| (label(listeners), column(move |who| who.burst(listeners))))
            .into(),
    )
}

fn latency(all: &Contestants, settings: Settings) -> Table {
    let mut rows: Vec<_> = all.iter().map(|who| Row::of(&**who)).collect();
    let mut columns = Vec::new();
    let pauses = [150, 10_000].map(Duration::from_micros);
    for (pause, count) in pauses.into_iter().zip(settings.samples) {
        let samplers: Vec<_> = all.iter().map(|who| who.latency(pause)).collect();
        let there: Vec<_> = samplers.iter().map(Option::is_some).collect();
        let samplers = samplers.into_iter().flatten().collect();
        let mut figures = sample(settings, count, samplers).into_iter();
        for (row, there) in rows.iter_mut().zip(there) {
            let figures = if there { figures.next() } else { None };
            for place in 0..2 {
                row.figures.push(figures.map(|figures| figures[place]));
            }
        }
        columns.extend(["p50", "p99"].map(|name| format!("{name}, every {pause:?}")));
    }
    rows.retain(|row| row.figures.iter().any(Option::is_some));
    Table {
        title: String::new(),
        about: "ns from before the publish until the listener has the event; in parentheses the \
                range of the rounds' own percentiles."
            .to_owned(),
        columns,
        rows,
    }
}

fn callbacks(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "Processor time for each event, in ns: 512 are published and then delivered, by number of \
         callbacks.",
        FEW.map(|listeners| {
            let job = move |who: &dyn Contestant| who.callbacks_in_one_thread(listeners);
            (label(listeners), column(job))
        })
        .into(),
    )
}

fn readers(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "Processor time for each event, in ns: 512 are published and then read by each reader, by \
         number of readers.",
        FEW.map(|readers| {
            let job = move |who: &dyn Contestant| who.readers_in_one_thread(readers);
            (label(readers), column(job))
        })
        .into(),
    )
}

fn listen_and_drop(all: &Contestants, settings: Settings) -> Table {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for others in [0, 100, settings.many] {
        let job = move |who: &dyn Contestant| who.listen_and_drop_inline(others);
        columns.push((format!("inline, {}", label(others)), column(job)));
    }
    for others in [0, 100, settings.many] {
        let job = move |who: &dyn Contestant| who.listen_and_drop_queued(others);
        columns.push((format!("queued, {}", label(others)), column(job)));
    }
    let about = "ns for a pair of both, by kind and by number of others that are there.";
    timed(all, settings, about, columns)
}

fn after_change(all: &Contestants, settings: Settings) -> Table {
    let listeners = settings.many;
    timed(
        all,
        settings,
        "ns for the first inline publish after one listener has come and gone, by number of others.",
        vec![(
            label(listeners),
            column(move |who| who.publish_after_change(listeners)),
        )],
    )
}

fn replay(all: &Contestants, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for a queued listener that comes, hears the 16 events of the past, and goes.",
        vec![("16 events".to_owned(), column(|who| who.replay(16)))],
    )
}

/// One is not weighed but the difference that a hundred make: what the bus itself takes cancels
/// out, and what a list has grown beyond its need is shared.
fn memory(all: &Contestants, _: Settings) -> Table {
    let kinds = [
        ("inline listener", Held::InlineListener, [1_000, 2_000]),
        ("queued listener", Held::QueuedListener, [1_000, 2_000]),
        ("receiver, capacity 1,024", Held::Receiver, [100, 200]),
        ("idle channel", Held::Channel, [50, 100]),
        ("hub without listeners", Held::Hub, [100, 200]),
    ];
    let mut rows: Vec<_> = all.iter().map(|who| Row::of(&**who)).collect();
    for (_, kind, [some, more]) in kinds {
        for (row, who) in rows.iter_mut().zip(all) {
            // Whatever is made at the first use and stays is made before.
            let there = who.hold(kind, some).is_some();
            row.figures.push(there.then(|| {
                let weight = |count| weigh(|| who.hold(kind, count).expect("it was there"));
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                let each = (weight(more) - weight(some)) as f64 / (more - some) as f64;
                Figure::bytes(each)
            }));
        }
    }
    rows.retain(|row| row.figures.iter().any(Option::is_some));
    Table {
        title: String::new(),
        about: format!(
            "Bytes for each. The listeners capture one pointer ({} bytes); their counters are not \
             weighed.",
            size_of::<usize>()
        ),
        columns: kinds.map(|(name, ..)| name.to_owned()).into(),
        rows,
    }
}

impl Row {
    fn of(who: &dyn Contestant) -> Self {
        Self {
            name: who.name(),
            is_limit: who.is_limit(),
            figures: Vec::new(),
        }
    }
}

fn timed(all: &Contestants, settings: Settings, about: &str, columns: Vec<Column<'_>>) -> Table {
    let mut rows: Vec<_> = all.iter().map(|who| Row::of(&**who)).collect();
    let mut names = Vec::new();
    for (name, job) in columns {
        eprintln!("  {name}");
        let jobs: Vec<_> = all.iter().map(|who| job(&**who)).collect();
        let there: Vec<_> = jobs.iter().map(Option::is_some).collect();
        let mut figures = measure(settings, jobs.into_iter().flatten().collect()).into_iter();
        for (row, there) in rows.iter_mut().zip(there) {
            row.figures.push(if there { figures.next() } else { None });
        }
        names.push(name);
    }
    rows.retain(|row| row.figures.iter().any(Option::is_some));
    Table {
        title: String::new(),
        about: about.to_owned(),
        columns: names,
        rows,
    }
}

fn column<'a>(job: impl Fn(&dyn Contestant) -> Option<Job> + 'a) -> Question<'a> {
    Box::new(job)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn label(count: usize) -> String {
    if count < 10 {
        count.to_string()
    } else {
        number(count as f64)
    }
}
