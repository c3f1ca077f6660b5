//! A user interface that calls its listeners once a frame, on its own thread.
//!
//! `cargo run --example frame_loop`

use std::thread;
use std::time::Duration;

use typed_hub::{Custom, CustomChannel, Hub};

/// What a background job tells.
enum Download {}

enum DownloadEvent {
    Progress { percent: u8 },
    Done,
}

impl CustomChannel for Download {
    type Event = DownloadEvent;
    const NAME: &'static str = "download";
}

fn main() {
    let (hub, mut worker) = Hub::builder().build_with_worker();

    // The listener runs where the worker does: on this thread, between two frames. It has to be
    // `Send` all the same, which a view need not be; so it sends what is to be shown.
    // A LocalWorker takes callbacks that are not `Send`: see examples/egui.
    let mut view = String::from("waiting");
    let (show, shown) = std::sync::mpsc::channel();
    let download = hub.listen::<Custom<Download>>(move |event| {
        let line = match event {
            DownloadEvent::Progress { percent } => format!("{percent} %"),
            DownloadEvent::Done => "done".to_owned(),
        };
        let _ = show.send(line);
    });

    let background = {
        let hub = hub.clone();
        thread::spawn(move || {
            for percent in (0..=100).step_by(5) {
                hub.publish::<Custom<Download>>(DownloadEvent::Progress { percent });
                thread::sleep(Duration::from_millis(7));
            }
            hub.publish::<Custom<Download>>(DownloadEvent::Done);
        })
    };

    for frame in 0.. {
        let delivered = worker.run_pending();
        if let Some(line) = shown.try_iter().last() {
            view = line;
        }
        println!("frame {frame}: {view} ({delivered} events)");
        if view == "done" {
            break;
        }
        thread::sleep(Duration::from_millis(16));
    }
    drop(download);
    background.join().expect("the download does not panic");
}
