//! Processes of their own on a real NATS server, which is killed, and processes that are killed.

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{env, thread};

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use typed_hub::relay::{Broker, JetStreamBroker, RelayEvent};

use crate::nats_server::NatsServer;
use crate::nats_world::*;

/// How long the soaks run, in seconds; by default 6 each.
const SECONDS: &str = "TYPED_HUB_SOAK_SECONDS";
const KILLS: u32 = 5;

/// What a process of the tests is to do, as JSON.
const PART: &str = "TYPED_HUB_TEST_PART";

#[derive(Serialize, Deserialize)]
struct Part {
    url: String,
    origin: String,
    is_durable: bool,
    /// Where it notes each event that it receives.
    notes: Option<String>,
    /// Whether it publishes until it is killed.
    publishes_without_end: bool,
}

/// What a process has received of an origin.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    received: u64,
    told: u64,
    twice_or_out_of_order: u64,
    last: u64,
}

/// Run by the tests below, as another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nats, and is a part of the tests below"]
async fn takes_part() {
    let Ok(part) = env::var(PART) else {
        return;
    };
    let part: Part = serde_json::from_str(&part).unwrap();
    if part.is_durable {
        let broker = jetstream(&part.url).await;
        take_part(Peer::importing(broker, &part.origin).await, part).await;
    } else {
        let broker = core(&part.url).await;
        take_part(Peer::importing(broker, &part.origin).await, part).await;
    }
}

async fn take_part<B: Broker>(mut peer: Peer<B>, part: Part) {
    if let Some(notes) = part.notes {
        return note(peer, Path::new(&notes)).await;
    }
    peer.relay.export_with::<Wire>(unbounded()).unwrap();
    if part.publishes_without_end {
        println!("{READY}");
        for number in 1.. {
            peer.publish([number]);
            sleep(Duration::from_micros(500)).await;
        }
    }
    let mut lines = tell_lines();
    println!("{READY}");
    assert_eq!(lines.recv().await.as_deref(), Some("go"));

    let mut figures = BTreeMap::<String, Figures>::new();
    let mut sent = 0;
    let mut expected = None::<BTreeMap<String, u64>>;
    let mut is_publishing = true;
    // A stream takes an event in each round trip, which is long on a machine that is busy.
    let pace = if part.is_durable { 4 } else { 2 };
    let mut pace = tokio::time::interval(Duration::from_millis(pace));
    loop {
        let complete = |(origin, sent): (&String, &u64)| {
            *origin == part.origin
                || figures
                    .get(origin)
                    .is_some_and(|of| of.received + of.told == *sent)
        };
        if expected
            .as_ref()
            .is_some_and(|all| all.iter().all(complete))
        {
            break;
        }
        let step = async {
            tokio::select! {
                event = peer.events.recv_async() => {
                    let event = event.unwrap();
                    let of = figures.entry(event.origin.to_string()).or_default();
                    if event.event.number <= of.last {
                        of.twice_or_out_of_order += 1;
                    } else {
                        of.last = event.event.number;
                        of.received += 1;
                    }
                }
                event = peer.status.recv_async() => {
                    if let RelayEvent::Lagged { origin, missed, .. } = &*event.unwrap() {
                        figures.entry(origin.to_string()).or_default().told += missed;
                    }
                }
                line = lines.recv() => match line.unwrap().as_str() {
                    "stop" => {
                        is_publishing = false;
                        println!("{SENT}{sent}");
                    }
                    line => expected = Some(serde_json::from_str(line).unwrap()),
                },
                _ = pace.tick(), if is_publishing => {
                    sent += 1;
                    peer.publish([sent]);
                }
            }
        };
        // What still comes, comes before that.
        if timeout(LIMIT, step).await.is_err() {
            break;
        }
    }
    println!("{FIGURES}{}", serde_json::to_string(&figures).unwrap());
    // All others have to be told, too, and this process says how far it is.
    while lines.recv().await.is_some() {}
    peer.close().await;
}

/// Notes each event: what is written is there, however this process ends.
async fn note<B: Broker>(mut peer: Peer<B>, notes: &Path) {
    let mut notes = File::options().append(true).open(notes).unwrap();
    println!("{READY}");
    loop {
        let event = peer.events.recv_async().await.unwrap();
        let line = format!("{} {}\n", event.event.number, now());
        notes.write_all(line.as_bytes()).unwrap();
    }
}

/// Milliseconds, the same for all processes.
fn now() -> u128 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    now.as_millis()
}

/// The lines that this process is told.
fn tell_lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (told, lines) = tokio::sync::mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let _ = told.send(line.unwrap());
        }
    });
    lines
}

const READY: &str = "\nREADY";
const SENT: &str = "\nSENT ";
const FIGURES: &str = "\nFIGURES ";

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(part: &Part) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "nats_soak::takes_part",
            ])
            .env(PART, serde_json::to_string(part).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What its next line of this kind says.
    fn hear(&mut self, kind: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the process has ended");
            if let Some(rest) = line.trim_end().strip_prefix(kind.trim_start()) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn soak(is_durable: bool) -> BTreeMap<String, BTreeMap<String, Figures>> {
    let seconds = env::var(SECONDS).map_or(6, |seconds| seconds.parse().unwrap());
    let server = NatsServer::start();
    let mut processes: BTreeMap<_, _> = ["a", "b", "c"]
        .into_iter()
        .map(|origin| {
            let part = Part {
                url: server.url(),
                origin: origin.to_owned(),
                is_durable,
                notes: None,
                publishes_without_end: false,
            };
            (origin.to_owned(), Process::start(&part))
        })
        .collect();
    for process in processes.values_mut() {
        process.hear(READY);
    }
    let began = Instant::now();
    for process in processes.values_mut() {
        process.say("go");
    }
    let pause = Duration::from_secs(seconds) / (KILLS + 1);
    for _ in 0..KILLS {
        thread::sleep(pause.saturating_sub(DOWN));
        server.kill();
        thread::sleep(DOWN);
        server.start_again();
    }
    thread::sleep(pause);
    let mut sent = BTreeMap::new();
    for (origin, process) in &mut processes {
        process.say("stop");
        let number: u64 = process.hear(SENT).parse().unwrap();
        sent.insert(origin.clone(), number);
    }
    let line = serde_json::to_string(&sent).unwrap();
    for process in processes.values_mut() {
        process.say(&line);
    }
    let mut all = BTreeMap::new();
    for (origin, process) in &mut processes {
        let figures = process.hear(FIGURES);
        let figures: BTreeMap<String, Figures> = serde_json::from_str(&figures).unwrap();
        all.insert(origin.clone(), figures);
    }
    let mode = if is_durable { "durable" } else { "core" };
    println!(
        "{mode}: {KILLS} kills in {:.1} s, sent {sent:?}",
        began.elapsed().as_secs_f32()
    );
    for (at, figures) in &all {
        for (of, figures) in figures {
            println!("  at {at} of {of}: {figures:?}");
        }
    }
    for (at, figures) in &all {
        for (of, sent) in sent.iter().filter(|(of, _)| *of != at) {
            let of = &figures[of];
            assert_eq!(of.received + of.told, *sent, "received and told at {at}");
            assert_eq!(of.twice_or_out_of_order, 0, "twice or out of order at {at}");
        }
    }
    for process in processes.values_mut() {
        process.stdin = None;
        assert!(process.child.wait().unwrap().success());
    }
    all
}

/// How long a server that was killed stays away.
const DOWN: Duration = Duration::from_millis(300);

#[test]
#[ignore = "needs nats: tests/run servers sets it up"]
fn soak_of_core_tells_each_gap_with_its_number() {
    soak(false);
}

#[test]
#[ignore = "needs nats: tests/run servers sets it up"]
fn soak_of_jetstream_loses_nothing() {
    for (at, figures) in soak(true) {
        for (of, figures) in figures {
            assert_eq!(figures.told, 0, "lost at {at} of {of}");
        }
    }
}

/// A process that imports, killed at any moment and started again, goes on where it was.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_process_that_is_killed_goes_on_where_it_was() {
    const RUNS: usize = 6;
    let server = NatsServer::start();
    let exporter = Peer::<JetStreamBroker>::exporting(jetstream(&server.url()).await, "b").await;
    let part = |notes: &Path| Part {
        url: server.url(),
        origin: "a".to_owned(),
        is_durable: true,
        notes: Some(notes.display().to_string()),
        publishes_without_end: false,
    };
    let mut sent = 0;
    let mut runs = Vec::new();
    for run in 0..RUNS {
        let notes = server.folder().join(format!("notes-{run}"));
        File::create(&notes).unwrap();
        let mut process = Process::start(&part(&notes));
        if run == 0 {
            process.hear(READY);
        }
        // Later runs are killed while they begin, too.
        let end = Instant::now() + Duration::from_millis(150 + random() % 900);
        while Instant::now() < end {
            sent += 1;
            exporter.publish([sent]);
            sleep(Duration::from_millis(1)).await;
        }
        process.child.kill().unwrap();
        let killed = now();
        process.child.wait().unwrap();
        runs.push((killed, read(&notes)));
    }
    let notes = server.folder().join("notes-last");
    File::create(&notes).unwrap();
    let last = Process::start(&part(&notes));
    let end = Instant::now() + LIMIT;
    while read(&notes).last().is_none_or(|(number, _)| *number < sent) {
        assert!(Instant::now() < end, "the last events do not arrive");
        sleep(Duration::from_millis(50)).await;
    }
    drop(last);
    runs.push((now(), read(&notes)));

    let (mut next, mut again, mut oldest) = (1, 0, 0);
    let mut times = BTreeMap::new();
    let mut killed_before = 0;
    for (killed, run) in &runs {
        assert!(
            run.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1),
            "within a run each once and in order"
        );
        let Some((first, _)) = run.first() else {
            continue;
        };
        assert!(*first <= next, "events {next} to {first} are missing");
        for (number, time) in run {
            if let Some(before) = times.insert(*number, *time) {
                again += 1;
                oldest = oldest.max(killed_before - before);
            }
        }
        next = next.max(run.last().unwrap().0 + 1);
        killed_before = *killed;
    }
    assert_eq!(next, sent + 1);
    let counts: Vec<_> = runs.iter().map(|(_, run)| run.len()).collect();
    println!(
        "sent {sent}, received in {} runs {counts:?}: 0 missing, {again} again in another run, the \
         oldest of them {oldest} ms before the kill",
        runs.len()
    );
    // The position is stored every 250 ms; the rest is for a machine that is busy.
    assert!(
        oldest < 1_000,
        "more came again than the last quarter of a second"
    );
    exporter.close().await;
}

/// The number and the time of each event that a process has noted.
fn read(notes: &Path) -> Vec<(u64, u128)> {
    let notes = read_to_string(notes).unwrap();
    let whole = notes.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let number = |line: &str| {
        let (number, time) = line.split_once(' ').unwrap();
        (number.parse().unwrap(), time.parse().unwrap())
    };
    whole.lines().map(number).collect()
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(())
}

/// A process that exports, killed at any moment and started again: what arrives is in order, and has no gap
/// but at the end of a run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_process_that_is_killed_has_sent_all_until_then() {
    const RUNS: usize = 5;
    let server = NatsServer::start();
    let mut importer = Peer::importing(jetstream(&server.url()).await, "a").await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut process = Process::start(&Part {
            url: server.url(),
            origin: "b".to_owned(),
            is_durable: true,
            notes: None,
            publishes_without_end: true,
        });
        process.hear(READY);
        sleep(Duration::from_millis(100 + random() % 300)).await;
        drop(process);
        let mut last = 0;
        while let Ok(event) =
            timeout(Duration::from_millis(500), importer.events.recv_async()).await
        {
            let event = event.unwrap();
            assert_eq!(event.event.number, last + 1, "in order, each once");
            last = event.event.number;
        }
        assert!(last > 0);
        runs.push(last);
    }
    println!("of {RUNS} runs of an exporter that was killed came {runs:?} events");
    assert_eq!(lagged(&importer.told()), 0);
    importer.close().await;
}
