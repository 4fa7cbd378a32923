//! A relay between a server and PostgreSQL that can be cut, held and restored.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::admin_url;

/// What the relay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Bytes go through.
    Open,
    /// Connections are made, and nothing comes through: a network that swallows packets.
    Held,
    /// Connections end, those that there are and new ones.
    Cut,
}

/// A relay to the tests' PostgreSQL, on a port of its own. It is gone when this is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let target = url::Url::parse(&admin_url()).unwrap();
        let target = format!("{}:{}", target.host_str().unwrap(), target.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, state) = watch::channel(Way::Open);
        tokio::spawn(accept(listener, target, state));
        Self { address, way }
    }

    /// A database's URL, through this relay.
    pub(crate) fn through(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    pub(crate) fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    pub(crate) fn hold(&self) {
        self.way.send_replace(Way::Held);
    }

    pub(crate) fn restore(&self) {
        self.way.send_replace(Way::Open);
    }
}

async fn accept(listener: TcpListener, target: String, mut state: watch::Receiver<Way>) {
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            changed = state.changed() => if changed.is_err() { return } else { continue },
        };
        if *state.borrow() == Way::Cut {
            continue;
        }
        let (target, state) = (target.clone(), state.clone());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            // When one direction ends, so does the other: its halves are dropped.
            tokio::select! {
                () = copy(from_client, to_server, state.clone()) => {},
                () = copy(from_server, to_client, state) => {},
            }
        });
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let way = *state.borrow_and_update();
        match way {
            Way::Cut => return,
            Way::Held => {
                if state.changed().await.is_err() {
                    return;
                }
            }
            Way::Open => {
                let read = tokio::select! {
                    read = from.read(&mut buffer) => read,
                    changed = state.changed() => if changed.is_err() { return } else { continue },
                };
                match read {
                    Ok(0) | Err(_) => return,
                    Ok(length) => {
                        if to.write_all(&buffer[..length]).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }
}
