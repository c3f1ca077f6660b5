//! The window in a loop made by hand, without a display: a frame is run when a test says so, and every
//! request for a repaint is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use eframe::egui::{Context, RawInput, Shape};
use typed_hub::{Custom, Hub};
use window::{Download, DownloadEvent, Window};

#[test]
fn what_arrives_between_two_frames_asks_for_one_repaint() {
    let mut screen = Screen::new();
    assert_eq!(screen.requests(), 0, "nothing has arrived");

    screen.publish_elsewhere(1..=1);
    assert_eq!(screen.requests(), 1, "one event");
    assert!(screen.frame().contains(&"1 %".to_owned()));
    screen.requests();

    screen.publish_elsewhere(2..=50);
    assert_eq!(screen.requests(), 1, "many events");
    assert!(screen.frame().contains(&"50 %".to_owned()));
    screen.requests();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(screen.requests(), 0, "nothing more has arrived");
}

#[test]
fn a_log_that_opens_late_shows_what_it_has_missed() {
    let mut screen = Screen::new();
    screen.publish_elsewhere(1..=3);
    assert!(!screen.frame().iter().any(|text| text.contains("Progress")));
    screen.requests();

    screen.window.set_log(true);
    assert_eq!(screen.requests(), 1, "the replay arrives as an event does");
    screen.publish_elsewhere(4..=4);
    assert_eq!(screen.requests(), 0, "it has been asked for");
    let shown = screen.frame();
    let lines: Vec<_> = shown
        .iter()
        .filter(|text| text.contains("Progress"))
        .collect();
    assert_eq!(
        lines,
        [
            "Progress { percent: 1 }",
            "Progress { percent: 2 }",
            "Progress { percent: 3 }",
            "Progress { percent: 4 }",
        ]
    );

    assert_eq!(screen.listeners(), 2);
    screen.window.set_log(false);
    assert_eq!(screen.listeners(), 1);
    assert!(!screen.frame().iter().any(|text| text.contains("Progress")));
}

#[test]
fn what_one_frame_has_no_time_for_asks_for_the_next() {
    let mut screen = Screen::new();
    let _slow = screen
        .hub
        .listen::<Custom<Download>>(|_| thread::sleep(Duration::from_millis(1)));
    screen.publish_elsewhere(1..=50);

    let mut frames = 0;
    while screen.requests() > 0 {
        screen.window.pump();
        frames += 1;
    }
    assert!(frames > 3, "50 ms of callbacks in {frames} frames");
    assert!(screen.frame().contains(&"50 %".to_owned()));
}

struct Screen {
    ctx: Context,
    requests: Arc<AtomicUsize>,
    hub: Hub,
    window: Window,
}

impl Screen {
    /// A window that has come to rest.
    fn new() -> Self {
        let ctx = Context::default();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        // Also those that egui coalesces with an earlier one.
        ctx.set_repaint_observer(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let (hub, window) = Window::new(&ctx);
        let mut screen = Self {
            ctx,
            requests,
            hub,
            window,
        };
        screen.frame();
        screen.requests();
        screen
    }

    /// Runs a frame as eframe does, and returns the texts that it shows.
    fn frame(&mut self) -> Vec<String> {
        let (ctx, window) = (self.ctx.clone(), &mut self.window);
        window.pump();
        let output = ctx.run_ui(RawInput::default(), |ui| window.show(ui));
        let mut texts = Vec::new();
        for clipped in &output.shapes {
            collect(&clipped.shape, &mut texts);
        }
        output.drop_without_applying_deltas();
        texts
    }

    /// How many repaints have been asked for since the last call.
    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }

    /// Publishes on another thread, as a background job does.
    fn publish_elsewhere(&self, percents: impl Iterator<Item = u8> + Send + 'static) {
        let hub = self.hub.clone();
        let job = thread::spawn(move || {
            for percent in percents {
                hub.publish::<Custom<Download>>(DownloadEvent::Progress { percent });
            }
        });
        job.join().unwrap();
    }

    fn listeners(&self) -> usize {
        self.hub.inspect().channels[0].listeners.len()
    }
}

fn collect(shape: &Shape, texts: &mut Vec<String>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, texts)),
        Shape::Text(text) => texts.push(text.galley.text().to_owned()),
        _ => {}
    }
}
