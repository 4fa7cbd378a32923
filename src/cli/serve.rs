//! `gatewood serve`

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures_util::{Stream, stream};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::flags::ConfigFlags;
use super::{Outcome, block_on, logging, report};
use crate::server::{Ambient, Server, StartError};

pub(super) fn run(flags: &ConfigFlags) -> Outcome {
    let config = flags.config()?;
    let mut logging = logging::start(&config.log, config.tracing.as_ref())?;
    let asked_to_stop = OnceLock::new();
    let outcome = block_on(async {
        let server = Server::build(&config, Ambient::system()).await.map_err(|error| told(&error))?;
        // From here on a signal is an orderly end, also one that comes between the line and the first request.
        let (signal, hangups) = (stop_signal()?, hangups()?);
        let stop = async {
            signal.await;
            asked_to_stop.get_or_init(Instant::now);
        };
        if let Some(key) = &server.first_key {
            key.deliver().map_err(|error| format!("{error}; `gatewood keys create --root` makes another root key"))?;
        }
        server.announce();
        server.run_until_stopped(stop, hangups).await.map_err(|error| error.to_string())
    });
    if let Some(traces) = logging.traces.take() {
        // What the requests have left of the time to drain, and a moment at least: most were exported long ago.
        let spent = asked_to_stop.get().map_or(Duration::ZERO, Instant::elapsed);
        traces.finish(config.server.drain_timeout.saturating_sub(spent).max(FLUSH));
    }
    outcome
}

/// Why there is no server, for the person who started it.
fn told(error: &StartError) -> String {
    match error {
        StartError::Stores(stores) => report::findings(stores),
        StartError::Text(_) | StartError::Database(_) => error.to_string(),
    }
}

/// How long the last traces may take to leave, however long the requests took to finish.
const FLUSH: Duration = Duration::from_millis(500);

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
