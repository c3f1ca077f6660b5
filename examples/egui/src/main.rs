//! `cargo run` in this folder.

use std::thread;
use std::time::Duration;

use typed_hub::{Custom, Hub};
use window::{Download, DownloadEvent, Window};

fn main() -> eframe::Result {
    eframe::run_native(
        "Download",
        eframe::NativeOptions::default(),
        Box::new(|creation| {
            // On the thread of the window, on which its worker stays.
            let (hub, window) = Window::new(&creation.egui_ctx);
            thread::spawn(move || download(&hub));
            Ok(Box::new(window))
        }),
    )
}

fn download(hub: &Hub) {
    for percent in 1..100 {
        hub.publish::<Custom<Download>>(DownloadEvent::Progress { percent });
        thread::sleep(Duration::from_millis(150));
    }
    hub.publish::<Custom<Download>>(DownloadEvent::Done);
}
