//! The two processes of a contestant.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::contestants::{self, Contestant, Mode, Publisher};
use crate::event::Heard;

/// How long a process may take to answer: far more than a lap takes on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(30);

/// A process that did not answer in time, or has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled(&'static str);

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} stalled", self.0)
    }
}

pub(crate) struct Pair {
    listener: Process,
    publisher: Process,
}

impl Pair {
    pub(crate) fn start(contestant: Contestant, mode: Mode, url: &str) -> Self {
        let start = |side| Process::start(side, &[contestant.name(), mode.name(), url]);
        // In durable mode the listener hears what comes after it.
        let listener = start(LISTENER);
        let _ = listener.answer();
        let publisher = start(PUBLISHER);
        let _ = publisher.answer();
        Self {
            listener,
            publisher,
        }
    }

    /// Publishes so many events. The answer is that of [`Heard::expect`].
    pub(crate) fn run(&mut self, count: u64, pause: Duration) -> Result<Vec<u64>, Stalled> {
        self.listener.ask(count, pause);
        self.listener.answer()?;
        self.publisher.ask(count, pause);
        let heard = self.listener.answer()?;
        self.publisher.answer()?;
        Ok(heard)
    }

    /// How long the publisher's and the listener's threads have run, if the system says so.
    pub(crate) fn processor_time(&self) -> Option<[Duration; 2]> {
        Some([
            self.publisher.processor_time()?,
            self.listener.processor_time()?,
        ])
    }
}

struct Process {
    side: &'static str,
    child: Child,
    answers: Receiver<String>,
}

const PUBLISHER: &str = "publisher";
const LISTENER: &str = "listener";

impl Process {
    fn start(side: &'static str, arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(["child", side]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process can be had");
        let output = child.stdout.take().expect("it is piped");
        let (answer, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = answer.send(line);
            }
        });
        Self {
            side,
            child,
            answers,
        }
    }

    fn ask(&mut self, count: u64, pause: Duration) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        // A process that has ended does not answer.
        let _ = writeln!(input, "{count} {}", pause.as_micros());
    }

    fn answer(&self) -> Result<Vec<u64>, Stalled> {
        let line = self.answers.recv_timeout(LIMIT);
        let line = line.map_err(|_| Stalled(self.side))?;
        Ok(numbers(&line))
    }

    fn processor_time(&self) -> Option<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let run = threads.flatten().map(|thread| {
            let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<u64>().ok()
        });
        run.sum::<Option<u64>>().map(Duration::from_nanos)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace()
        .map(|number| number.parse().expect("the processes write numbers"))
        .collect()
}

/// What one of the two processes does: it answers each line that it is asked.
pub(crate) fn child(side: &str, contestant: &str, mode: &str, url: &str) -> ExitCode {
    let (Some(contestant), Some(mode)) = (Contestant::parse(contestant), Mode::parse(mode)) else {
        return ExitCode::FAILURE;
    };
    // As `#[tokio::main]` makes it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads can be had");
    if side == PUBLISHER {
        let publisher = Publisher::connect(contestant, mode, url);
        let publisher = Arc::new(runtime.block_on(publisher));
        let mut number = 0;
        answer(|count, pause| {
            let lap = publish(Arc::clone(&publisher), number, count, pause);
            number += count;
            // In a task, as in a server.
            runtime.block_on(runtime.spawn(lap)).expect("it publishes");
            println!();
        });
    } else {
        let (done, laps) = channel();
        let heard = Arc::new(Heard::new(done));
        runtime.block_on(contestants::listen(
            contestant,
            mode,
            url,
            Arc::clone(&heard),
        ));
        answer(|count, pause| {
            heard.expect(count, !pause.is_zero());
            println!();
            let lap = laps.recv().expect("it listens");
            let lap: Vec<_> = lap.iter().map(u64::to_string).collect();
            println!("{}", lap.join(" "));
        });
    }
    ExitCode::SUCCESS
}

fn answer(mut lap: impl FnMut(u64, Duration)) {
    // It is ready.
    println!();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if let [count, pause] = numbers(&line)[..] {
            lap(count, Duration::from_micros(pause));
        }
    }
}

async fn publish(publisher: Arc<Publisher>, first: u64, count: u64, pause: Duration) {
    for number in first..first + count {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        publisher.publish(number).await;
    }
}
