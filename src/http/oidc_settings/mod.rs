//! `/admin/v1/settings/oidc`: the lifetimes of tokens, as ZITADEL's admin API has them in JSON.

pub(super) mod add;
mod body;
pub(super) mod read;
pub(super) mod update;
