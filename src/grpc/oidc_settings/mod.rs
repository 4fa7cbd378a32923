//! The lifetimes of tokens, as ZITADEL's admin API has them in gRPC.

pub(super) mod add;
pub(super) mod read;
pub(super) mod update;
