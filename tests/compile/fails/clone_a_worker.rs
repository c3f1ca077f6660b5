use typed_hub::Hub;

fn main() {
    let (_hub, worker) = Hub::builder().build_with_worker();
    let _second = worker.clone();
}
