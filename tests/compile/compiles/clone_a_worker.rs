use typed_hub::Hub;

pub fn main() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let _second = hub.clone();
    drop(worker);
}
