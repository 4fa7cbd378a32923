//! Gatewood, a Cedar-policy authorization service.
//!
//! Every request is turned into a Cedar request, decided by a policy store, and the annotations of
//! the determining policies travel back to the caller. `ARCHITECTURE.md` tells how.

pub mod app;
pub mod authn;
pub mod cli;
pub mod config;
pub mod decision;
pub mod domain;
pub mod grpc;
pub mod http;
pub mod mapping;
pub mod persistence;
pub mod policy;
pub mod proto;
pub mod server;
pub mod stores;
pub mod transport;
pub mod values;
