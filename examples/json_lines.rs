//! Auth events as JSON lines, for a web front end or a log pipeline: the names are those of the
//! original, so that it reads them as they stand.
//!
//! `cargo run --example json_lines`

use std::io::{self, Write};

use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::{Auth, Envelope, Hub};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::new();
    let forward = hub
        .listener::<Auth>()
        .envelope()
        .listen(|event: &Envelope<Auth>| {
            let mut front_end = io::stdout().lock();
            let written = serde_json::to_writer(&mut front_end, event)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(front_end));
            if let Err(error) = written {
                eprintln!("the front end is gone: {error}");
            }
        });

    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub.clone(), pool)?;
    pollster::block_on(async {
        let _no_challenge = client.sign_in("ada", "correct horse").await?;
        client.refresh().await?;
        client.sign_out(SignOutScope::ThisDevice).await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;

    hub.flush();
    drop(forward);
    Ok(())
}
