//! A real server for each test, and named callers that talk to it.

mod answer;
mod authority;
mod caller;
mod collector;
mod database;
mod eventually;
mod hands;
mod issuer;
mod program;
mod relay;
mod server;
mod store_folder;
mod wire;

pub(crate) use answer::{Answer, time};
pub(crate) use authority::{Authority, Issued};
pub(crate) use caller::{Caller, Request};
pub(crate) use collector::Collector;
pub(crate) use database::{Backend, Raw, TestDatabase, admin_url};
pub(crate) use eventually::eventually;
pub(crate) use hands::Hands;
pub(crate) use issuer::{Behaviour, SigningKey, TestIssuer};
pub(crate) use program::{Ended, Running, gatewood, run, without_configuration, without_roots_power_over_files};
pub(crate) use relay::Relay;
pub(crate) use server::{ENCRYPTION_KEY, TestServer, Tweaks, configure};
pub(crate) use store_folder::{SHOP_POLICIES, StoreFolder};
pub(crate) use wire::{Ask, Said, Sent, Wire, framed, of_headers};

/// Writes a test that runs on both databases. The name is a sentence; the body gets a fresh server.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($app: $crate::support::TestServer) $body

            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name($crate::support::TestServer::start($crate::support::Backend::Sqlite).await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    super::$name($crate::support::TestServer::start($crate::support::Backend::Postgres).await).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;
