use typed_hub::{Auth, Open};

impl Open for Auth {}

fn main() {}
