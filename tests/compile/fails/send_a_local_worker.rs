use typed_hub::Hub;

fn main() {
    let (_hub, worker) = Hub::builder().build_with_local_worker();
    std::thread::spawn(move || worker.run_pending());
}
