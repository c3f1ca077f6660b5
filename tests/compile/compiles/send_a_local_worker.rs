use typed_hub::Hub;

pub fn main() {
    let (_hub, mut worker) = Hub::builder().build_with_worker();
    std::thread::spawn(move || worker.run_pending());
}
