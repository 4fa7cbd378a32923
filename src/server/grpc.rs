//! The gRPC port: native gRPC over HTTP/2, gRPC-Web over HTTP/1.1 too.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::StartError;
use super::cors::{Cors, CrossOrigin};
use super::in_flight::InFlight;
use super::tls::Tls;
use crate::config::Config;
use crate::grpc::{GrpcService, Observed, Peer, Web};

type Whole = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// A bound port, and what is served on it.
pub(super) struct GrpcServer {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Whole,
    health: GrpcService,
    in_flight: InFlight,
    stop: watch::Sender<bool>,
}

impl GrpcServer {
    /// More connections than this wait to be accepted.
    const MOST_CONNECTIONS: usize = 10_000;
    /// How long a client may take to say what it wants.
    const OPENING_TIMEOUT: Duration = Duration::from_secs(5);
    /// How often a client is asked whether it still lives, and how long it may take to say so.
    const KEEP_ALIVE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(20));
    /// How many calls a connection has at once.
    const MOST_STREAMS: u32 = 128;
    /// How many bytes the metadata of a call may have.
    const METADATA_LIMIT: u32 = 32 * 1024;
    /// The same for HTTP/1.1, which has them in one buffer with the head of its request.
    const BUFFER: usize = 64 * 1024;
    /// How much is received before it is read: a message with its frame, and a few of them.
    const STREAM_WINDOW: u32 = 80 * 1024;
    const CONNECTION_WINDOW: u32 = 512 * 1024;

    /// Binds the port.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub(super) fn bind(
        config: &Config,
        service: &GrpcService,
        tls: Option<&Tls>,
        in_flight: &InFlight,
    ) -> Result<Self, StartError> {
        let address = config.grpc_listen;
        let listen = || {
            let listener = StdListener::bind(address)?;
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let listener =
            listen().map_err(|error: io::Error| StartError::new(format!("cannot listen on {address}: {error}")))?;
        let whole = CrossOrigin::new(Cors::new(&config.server.cors_origins), Web::new(service));
        Ok(Self {
            listener,
            tls: tls.map(|tls| TlsAcceptor::from(tls.server_config())),
            service: BoxCloneSyncService::new(Observed::new(service.clone(), whole)),
            health: service.clone(),
            in_flight: in_flight.clone(),
            stop: watch::Sender::new(false),
        })
    }

    /// Where it is served.
    pub(super) fn address(&self) -> Result<SocketAddr, StartError> {
        self.listener.local_addr().map_err(|error| StartError::new(error.to_string()))
    }

    /// What makes it stop: no new connections, and the ones that there are end when their calls have.
    pub(super) fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Serves until it is stopped and every connection has ended.
    pub(super) async fn run(self) {
        let Self { listener, tls, service, health, in_flight, stop } = self;
        let places = Arc::new(Semaphore::new(Self::MOST_CONNECTIONS));
        let mut stopping = stop.subscribe();
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let accepted = async {
                // The semaphore is never closed.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                accepted = accepted => accepted,
                Some(ended) = connections.join_next() => {
                    note(ended);
                    continue;
                }
                _ = stopping.changed() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (tls, service, in_flight) = (tls.clone(), service.clone(), in_flight.clone());
                    let stopping = stop.subscribe();
                    connections.spawn(async move {
                        Self::open(stream, tls, service, in_flight, stopping).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, say: the next one may work.
                Err(error) => {
                    tracing::warn!(%error, "a connection to the gRPC port cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        health.stop();
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    }

    async fn open(
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        service: Whole,
        in_flight: InFlight,
        stopping: watch::Receiver<bool>,
    ) {
        let address = stream.peer_addr().ok().map(|address| address.ip());
        // A small answer must not wait for more to be sent with it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers of a connection to the gRPC port may be held back");
        }
        let peer = Peer { address, tls: tls.is_some() };
        match tls {
            None => Self::serve(stream, peer, service, in_flight, stopping).await,
            Some(tls) => {
                let handshake = tls.accept(stream).map_err(|error| error.to_string());
                match tokio::time::timeout(Tls::HANDSHAKE_TIMEOUT, handshake).await {
                    Ok(Ok(stream)) => Self::serve(stream, peer, service, in_flight, stopping).await,
                    Ok(Err(error)) => tracing::debug!(error, "a TLS handshake failed on the gRPC port"),
                    Err(_elapsed) => tracing::debug!("a TLS handshake took too long on the gRPC port"),
                }
            }
        }
    }

    async fn serve(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        service: Whole,
        in_flight: InFlight,
        mut stopping: watch::Receiver<bool>,
    ) {
        let service = tower::service_fn(move |request: http::Request<Incoming>| {
            let held = in_flight.enter();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let answered = service.clone().call(request);
            async move {
                let answer = answered.await;
                drop(held);
                answer
            }
        });
        let (stream, received) = Counted::new(stream);
        let builder = Self::builder();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
        // Which version of HTTP it is, is seen from the first bytes; who does not even send those has no
        // place here. From then on hyper's own times hold.
        let opened = async {
            tokio::time::sleep(Self::OPENING_TIMEOUT).await;
            if received.load(Ordering::Relaxed) >= PREFACE {
                std::future::pending::<()>().await;
            }
        };
        let asked_to_stop = async { stopping.wait_for(|stopping| *stopping).await.map(drop) };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = opened => return,
            _ = asked_to_stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection to the gRPC port ended");
        }
    }

    fn builder() -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(Self::OPENING_TIMEOUT).max_buf_size(Self::BUFFER);
        let (interval, timeout) = Self::KEEP_ALIVE;
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_timeout(timeout)
            .max_concurrent_streams(Self::MOST_STREAMS)
            .max_header_list_size(Self::METADATA_LIMIT)
            .initial_stream_window_size(Self::STREAM_WINDOW)
            .initial_connection_window_size(Self::CONNECTION_WINDOW);
        builder
    }
}

/// A connection's task is not to panic.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection to the gRPC port failed");
    }
}

/// How many bytes HTTP/2 begins with (RFC 9113, section 3.4). No request of HTTP/1.1 is shorter.
const PREFACE: usize = 24;

/// A stream that counts what was received.
struct Counted<S> {
    inner: S,
    received: Arc<AtomicUsize>,
}

impl<S> Counted<S> {
    fn new(inner: S) -> (Self, Arc<AtomicUsize>) {
        let received = Arc::new(AtomicUsize::new(0));
        (Self { inner, received: Arc::clone(&received) }, received)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(context, buffer);
        this.received.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
