//! `/admin/v1/settings/oidc`: the lifetimes of tokens, as ZITADEL's admin API has them in JSON.

pub(super) mod add;
pub(super) mod read;
mod schema;
pub(super) mod update;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use prost::{Message, Name};

use super::reply;
use super::{Parts, Problem};
use crate::domain::TokenLifetimes;
use crate::proto;

/// A message as the answer.
fn answer<M: Message + Name>(message: &M) -> Result<HttpResponse, Problem> {
    let body = proto::to_json(message).map_err(Problem::internal)?;
    Ok(reply::json(StatusCode::OK, &body))
}

/// The lifetimes of a body.
fn lifetimes<M>(parts: &Parts<'_>) -> Result<TokenLifetimes, Problem>
where
    M: Message + Name + Default,
    TokenLifetimes: TryFrom<M, Error = crate::domain::Invalid>,
{
    Ok(TokenLifetimes::try_from(parts.message::<M>()?)?)
}
