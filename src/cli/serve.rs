//! `gatewood serve`

use futures_util::{Stream, stream};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::flags::ConfigFlags;
use super::{Outcome, block_on, logging};
use crate::server::{Ambient, Server};

pub(super) fn run(flags: &ConfigFlags) -> Outcome {
    let config = flags.config()?;
    logging::start(&config.log);
    block_on(async {
        let server = Server::build(&config, Ambient::system()).await.map_err(|error| error.to_string())?;
        // From here on a signal is an orderly end, also one that comes between the line and the first request.
        let (stop, hangups) = (stop_signal()?, hangups()?);
        if let Some(key) = &server.first_key {
            key.deliver().map_err(|error| format!("{error}; `gatewood keys create --root` makes another root key"))?;
        }
        server.announce();
        server.run_until_stopped(stop, hangups).await.map_err(|error| error.to_string())
    })
}

/// Done when the process is asked to stop; the second time it is asked, it ends at once.
fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(1);
        });
    })
}

/// An item for each SIGHUP.
fn hangups() -> Result<impl Stream<Item = ()>, String> {
    let hangup = listen(SignalKind::hangup())?;
    Ok(stream::unfold(hangup, async |mut hangup| hangup.recv().await.map(|()| ((), hangup))))
}

fn listen(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("cannot listen to signals: {error}"))
}
