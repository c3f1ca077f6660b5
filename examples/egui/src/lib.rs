//! A window of egui that its hub wakes: it sleeps until an event arrives, and never polls. A part of it
//! that opens late shows what it has missed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use eframe::egui::{self, Context, ProgressBar, Ui, ViewportId};
use typed_hub::{Custom, CustomChannel, Hub, LocalWorker, Replay, Subscription};

/// What a background job tells.
#[derive(Debug)]
pub enum Download {}

/// An event of [`Download`].
#[derive(Debug)]
pub enum DownloadEvent {
    /// So much of it is here.
    Progress {
        /// Of a hundred.
        percent: u8,
    },
    /// It is complete.
    Done,
}

impl CustomChannel for Download {
    type Event = DownloadEvent;
    const NAME: &'static str = "download";
    /// What a log shows that opens late.
    const RETAIN: usize = 20;
}

/// A frame begins no event after this time.
const HALF_A_FRAME: Duration = Duration::from_millis(8);

/// The window. Its callbacks run on its thread and share its views, which are not `Send`.
#[derive(Debug)]
pub struct Window {
    percent: Rc<Cell<u8>>,
    _download: Subscription,
    log: Option<Log>,
    worker: LocalWorker,
}

impl Window {
    /// Makes the window, and a hub that asks for a repaint when events or replays arrive.
    pub fn new(ctx: &Context) -> (Hub, Self) {
        let (hub, worker) = Hub::builder().build_with_local_worker();
        let ctx = ctx.clone();
        // Of the root, which pumps. It is called on the thread that publishes.
        worker.on_arrival(move || ctx.request_repaint_of(ViewportId::ROOT));

        let percent = Rc::new(Cell::new(0));
        let view = Rc::clone(&percent);
        let download = worker.listen_local::<Custom<Download>>(move |event| match event {
            DownloadEvent::Progress { percent } => view.set(*percent),
            DownloadEvent::Done => view.set(100),
        });
        let window = Self {
            percent,
            _download: download,
            log: None,
            worker,
        };
        (hub, window)
    }

    /// Calls the listeners; begins no event after 8 ms. What is left asks for the next repaint by itself.
    pub fn pump(&self) {
        self.worker.run_pending_for(HALF_A_FRAME);
    }

    /// Shows everything.
    pub fn show(&mut self, ui: &mut Ui) {
        egui::CentralPanel::default().show(ui, |ui| {
            let done = f32::from(self.percent.get()) / 100.0;
            ui.add(ProgressBar::new(done).text(format!("{} %", self.percent.get())));
            let mut open = self.log.is_some();
            ui.checkbox(&mut open, "Log");
            self.set_log(open);
            if let Some(log) = &self.log {
                for line in &*log.lines.borrow() {
                    ui.label(line);
                }
            }
        });
    }

    /// Opens the log, or closes it, which ends its listener.
    pub fn set_log(&mut self, open: bool) {
        if open && self.log.is_none() {
            self.log = Some(Log::open(&self.worker));
        } else if !open {
            self.log = None;
        }
    }
}

impl eframe::App for Window {
    /// Also called while the window is hidden, if a repaint is asked for: events do not pile up.
    fn logic(&mut self, _: &Context, _: &mut eframe::Frame) {
        self.pump();
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }
}

/// A part of the window that comes and goes.
#[derive(Debug)]
struct Log {
    lines: Rc<RefCell<Vec<String>>>,
    _download: Subscription,
}

impl Log {
    /// The replay arrives as events do, and asks for a repaint as they do.
    fn open(worker: &LocalWorker) -> Self {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let view = Rc::clone(&lines);
        let download = worker
            .local_listener::<Custom<Download>>()
            .name("log")
            .replay(Replay::All)
            .listen(move |event| view.borrow_mut().push(format!("{event:?}")));
        Self {
            lines,
            _download: download,
        }
    }
}
