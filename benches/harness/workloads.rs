//! The workloads: which table asks what of the contestants.

use std::sync::Arc;
use std::time::Duration;

use super::allocator::weigh;
use super::contestant::{Contestant, Entry, Held, Job, Lap, Shape};
use super::rounds::{Figure, Outcome, Question, Settings, measure, number, sample, weighed};
use super::table::{Row, Table};
use super::watched::Task;

/// Those that have not been left behind before.
type Contestants<'a> = [&'a Entry];

type Column = (String, Question<Lap>);

pub(crate) const INLINE: &str = "Inline listeners";
pub(crate) const QUEUED: &str = "Asynchronous, one publisher, payload by value";

const FEW: [usize; 3] = [1, 4, 16];

/// Runs those whose title contains `only`.
pub(crate) fn run(entries: &[Entry], settings: Settings, only: &str) -> Vec<Table> {
    type Workload = fn(&Contestants<'_>, Settings) -> Table;
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
            let present: Vec<_> = entries
                .iter()
                .filter(|entry| !entry.stalled.get())
                .collect();
            let mut table = workload(&present, settings);
            title.clone_into(&mut table.title);
            let stalled = present.iter().filter(|entry| entry.stalled.get());
            table.stalled = stalled.map(|entry| entry.who.name()).collect();
            table
        })
        .collect()
}

/// Where a contestant does another job than its neighbours in a table.
pub(crate) fn differences(entries: &[Entry]) -> String {
    let mut lines: Vec<_> = entries
        .iter()
        .map(|entry| entry.who)
        .filter(|who| !who.differs().is_empty())
        .map(|who| format!("- {}: {}.\n", who.name(), who.differs()))
        .collect();
    lines.dedup();
    lines.concat()
}

fn inline(all: &Contestants<'_>, settings: Settings) -> Table {
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

fn among_channels(all: &Contestants<'_>, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for each publish, by number of listeners on each of the ten channels that are published \
         on in turn. The limit and the floor know their list and have nothing to look for.",
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

fn two_threads(all: &Contestants<'_>, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for a publish on one of the two threads, both of which publish all the time. The \
         listeners' counters are shared, by the limit and the floor too.",
        vec![(label(4), column(|who| who.inline_on_two_threads(4)))],
    )
}

fn end_to_end(all: &Contestants<'_>, settings: Settings, shared: bool) -> Table {
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

fn four_publishers(all: &Contestants<'_>, settings: Settings) -> Table {
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

fn burst(all: &Contestants<'_>, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for each publish, without what the listeners do: 512 events by value, half the \
         capacity, to listeners that sleep at first, by number of listeners.",
        FEW.map(|listeners| (label(listeners), column(move |who| who.burst(listeners))))
            .into(),
    )
}

fn latency(all: &Contestants<'_>, settings: Settings) -> Table {
    let mut columns = Vec::new();
    let pauses = [150, 10_000].map(Duration::from_micros);
    for (pause, count) in pauses.into_iter().zip(settings.samples) {
        eprintln!("  every {pause:?}");
        let question: Question<_> = Arc::new(move |who| who.latency(pause));
        let figures = sample(settings, count, all, &question);
        for (place, name) in ["p50", "p99"].into_iter().enumerate() {
            let cells = figures
                .iter()
                .map(|cell| cell.map(|figures| figures[place]));
            columns.push((format!("{name}, every {pause:?}"), cells.collect()));
        }
    }
    let about = "ns from before the publish until the listener has the event; in parentheses the \
                 range of the rounds' own percentiles.";
    table(all, about, columns)
}

fn callbacks(all: &Contestants<'_>, settings: Settings) -> Table {
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

fn readers(all: &Contestants<'_>, settings: Settings) -> Table {
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

fn listen_and_drop(all: &Contestants<'_>, settings: Settings) -> Table {
    let mut columns: Vec<Column> = Vec::new();
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

fn after_change(all: &Contestants<'_>, settings: Settings) -> Table {
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

fn replay(all: &Contestants<'_>, settings: Settings) -> Table {
    timed(
        all,
        settings,
        "ns for a queued listener that comes, hears the 16 events of the past, and goes.",
        vec![("16 events".to_owned(), column(|who| who.replay(16)))],
    )
}

/// One is not weighed but the difference that a hundred make: what the bus itself takes cancels
/// out, and what a list has grown beyond its need is shared.
fn memory(all: &Contestants<'_>, settings: Settings) -> Table {
    let kinds = [
        ("inline listener", Held::InlineListener, [1_000, 2_000]),
        ("queued listener", Held::QueuedListener, [1_000, 2_000]),
        ("receiver, capacity 1,024", Held::Receiver, [100, 200]),
        ("idle channel", Held::Channel, [50, 100]),
        ("hub without listeners", Held::Hub, [100, 200]),
    ];
    let columns = kinds.map(|(name, kind, counts)| {
        let question: Question<_> = Arc::new(move |who| weight_of_one(who, kind, counts));
        (name.to_owned(), weighed(settings, all, &question))
    });
    let about = format!(
        "Bytes for each. The listeners capture one pointer ({} bytes); their counters are not \
         weighed.",
        size_of::<usize>()
    );
    table(all, &about, columns.into())
}

fn weight_of_one(
    who: &'static dyn Contestant,
    kind: Held,
    [some, more]: [usize; 2],
) -> Option<Task<f64>> {
    // Whatever is made at the first use and stays is made before.
    who.hold(kind, some)?;
    let weight = move |count| weigh(|| who.hold(kind, count).expect("it was there"));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Some(Box::new(move |_| {
        (weight(more) - weight(some)) as f64 / (more - some) as f64
    }))
}

fn timed(all: &Contestants<'_>, settings: Settings, about: &str, columns: Vec<Column>) -> Table {
    let columns = columns.into_iter().map(|(name, question)| {
        eprintln!("  {name}");
        let cells = measure(settings, all, &question);
        (name, cells)
    });
    table(all, about, columns.collect())
}

/// A table of the contestants that take part in one of the columns.
fn table(
    all: &Contestants<'_>,
    about: &str,
    columns: Vec<(String, Vec<Outcome<Figure>>)>,
) -> Table {
    let row = |(place, entry): (usize, &&Entry)| Row {
        name: entry.who.name(),
        is_limit: entry.who.is_limit(),
        cells: columns.iter().map(|(_, cells)| cells[place]).collect(),
    };
    let takes_part = |row: &Row| {
        let mut cells = row.cells.iter();
        cells.any(|cell| !matches!(cell, Outcome::Absent))
    };
    Table {
        title: String::new(),
        about: about.to_owned(),
        rows: all.iter().enumerate().map(row).filter(takes_part).collect(),
        columns: columns.into_iter().map(|(name, _)| name).collect(),
        stalled: Vec::new(),
    }
}

fn column(
    question: impl Fn(&dyn Contestant) -> Option<Job> + Send + Sync + 'static,
) -> Question<Lap> {
    Arc::new(question)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn label(count: usize) -> String {
    if count < 10 {
        count.to_string()
    } else {
        number(count as f64)
    }
}
