//! Running, and stopping in good order.

use std::future::Future;

use futures_util::Stream;

use super::tls::Tls;
use super::{Server, StartError};
use crate::audit::Writer;

impl Server {
    /// Serves until `stop` is done, then lets accepted requests finish, up to the drain timeout.
    /// Every part is watched: the first to end by itself ends the others. Each item of `hangups` asks for
    /// the policies to be loaded again.
    ///
    /// # Errors
    /// When a part ended that should have gone on.
    pub async fn run_until_stopped(
        self,
        stop: impl Future<Output = ()>,
        hangups: impl Stream<Item = ()>,
    ) -> Result<(), StartError> {
        let Self { http, grpc, authenticator, tls, watcher, in_flight, drain_timeout, mut decision_writer, .. } = self;
        let (handle, grpc_stopper) = (http.handle(), grpc.stopper());
        let (mut http, mut grpc) = (std::pin::pin!(http), std::pin::pin!(grpc.run()));
        let ended = tokio::select! {
            () = stop => None,
            outcome = &mut http => Some(match outcome {
                Ok(()) => StartError::new("the HTTP server ended by itself"),
                Err(error) => StartError::new(format!("the HTTP server failed: {error}")),
            }),
            () = &mut grpc => Some(StartError::new("the gRPC server ended by itself")),
            () = watch(tls) => Some(StartError::new("the watch over the TLS files ended by itself")),
            () = watcher.run(hangups) => Some(StartError::new("the watch over the policies ended by itself")),
            () = ended_of(&mut decision_writer) => Some(StartError::new("the decision log's thread ended by itself")),
            () = authenticator.watch() => Some(StartError::new("the authenticator's watch ended by itself")),
        };
        if ended.is_none() {
            tracing::info!("stopping: accepted requests may finish");
            let drained = tokio::time::timeout(drain_timeout, async {
                grpc_stopper.send_replace(true);
                let closed = async { tokio::join!(handle.stop(true), &mut http, &mut grpc) };
                tokio::select! { _ = closed => {}, () = in_flight.quiet() => {} }
            });
            if drained.await.is_err() {
                tracing::warn!("stopped before every request had finished");
            }
        }
        authenticator.write_used().await;
        // Last: the requests that were let finish are recorded, too.
        if let Some(writer) = decision_writer {
            writer.stop(drain_timeout).await;
        }
        ended.map_or(Ok(()), Err)
    }
}

/// Done when the decision log's thread has ended, where there is one.
async fn ended_of(writer: &mut Option<Writer>) {
    match writer {
        Some(writer) => writer.ended().await,
        None => std::future::pending().await,
    }
}

/// Follows the files of TLS, where there is any.
async fn watch(tls: Option<Tls>) {
    match tls {
        Some(tls) => tls.watch().await,
        None => std::future::pending().await,
    }
}
