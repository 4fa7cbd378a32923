//! `POST /v1/stores/{store}/reload`

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::StoreBody;
use crate::app::stores::ReloadStore;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::stores::Reloaded;

/// What came of loading a store again.
#[derive(Serialize, ToSchema)]
#[schema(as = Reload)]
pub(in crate::http) struct ReloadBody {
    /// `loaded`: another version is in force; `unchanged`: the files say what was in force already;
    /// `failed`: they cannot be used, and what was in force stays.
    #[schema(example = "loaded")]
    outcome: &'static str,
    /// The store, as it is now.
    store: StoreBody,
}

impl Decode for ReloadStore {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { store: parts.store()? })
    }
}

/// Loads a store again, as is done by itself when its files change.
#[utoipa::path(post, path = "/v1/stores/{store}/reload", operation_id = "ReloadStore", tag = "stores",
    params(("store" = String, Path, description = "The store's name")),
    responses((status = 200, description = "What came of it", body = ReloadBody)))]
pub(in crate::http) async fn post(call: Permitted<ReloadStore>) -> Result<HttpResponse, Problem> {
    let (facts, reloaded) = call.app.reload_store(call.permit).await?;
    let outcome = match reloaded {
        Reloaded::Loaded(_) => "loaded",
        Reloaded::Unchanged => "unchanged",
        Reloaded::Failed(_) => "failed",
    };
    let revision = facts.snapshot.revision().clone();
    Ok(reply::decided(&revision, &ReloadBody { outcome, store: StoreBody::from(facts) }))
}
