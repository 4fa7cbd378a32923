//! `/access/v1/search`: what an evaluation would have to be about to be permitted.

pub(in crate::http) mod action;
pub(in crate::http) mod resource;
pub(in crate::http) mod subject;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionInput, EntityInput};
use crate::app::search::{Search, SearchFor};
use crate::http::body::Body;
use crate::http::decisions::BODY_LIMIT;
use crate::http::{Decode, Parts, Permitted, Problem, reply};
use crate::mapping::Found;

impl<S: SearchFor> Decode for Search<S> {
    const BODY: Body = Body::Access;
    const BODY_LIMIT: usize = BODY_LIMIT;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self::new(parts.store()?, parts.json_tree()?))
    }
}

/// Subjects or resources that were found, in the order of their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessSearch)]
struct ResultsBody<T> {
    /// What was found.
    results: Vec<T>,
    /// Where to go on; left out where nothing is left and no page was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    page: Option<NextBody>,
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessSearchNext)]
struct NextBody {
    /// What to send as `page.token` for the next page; empty on the last one. A page may have no results and
    /// yet not be the last.
    next_token: String,
}

/// A subject or a resource.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessSearchEntity)]
struct EntityBody {
    /// Its type, as the request has it.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "photo")]
    of_type: String,
    /// Its id.
    #[schema(example = "vacation.jpg")]
    id: String,
}

/// An action.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessSearchAction)]
struct ActionBody {
    /// Its name.
    #[schema(example = "can_read")]
    name: String,
}

/// A found thing, of either kind.
#[derive(Serialize)]
#[serde(untagged)]
enum FoundBody {
    Entity(EntityBody),
    Action(ActionBody),
}

impl From<Found> for FoundBody {
    fn from(found: Found) -> Self {
        match found {
            Found::Entity { of_type, id } => Self::Entity(EntityBody { of_type, id }),
            Found::Action { name } => Self::Action(ActionBody { name }),
        }
    }
}

async fn answer<S: SearchFor>(call: Permitted<Search<S>>) -> Result<HttpResponse, Problem> {
    let page = call.app.search(call.permit, &call.call).await?;
    let results: Vec<FoundBody> = page.results.into_iter().map(FoundBody::from).collect();
    let next = page.next_token.map(|next_token| NextBody { next_token });
    Ok(reply::json(StatusCode::OK, &ResultsBody { results, page: next }))
}

/// A page of a search.
#[derive(ToSchema)]
#[schema(as = AccessSearchPage)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct PageInput {
    /// What the page before gave as `next_token`.
    #[schema(required = false)]
    token: String,
    /// How many results at most. Where there is a token, the limit of the first page holds.
    #[schema(required = false, minimum = 1)]
    limit: u32,
}

/// A search for subjects or resources.
#[derive(ToSchema)]
#[schema(as = AccessSearchInput)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct SearchInput {
    /// Who asks. Without an id where this is what is sought.
    subject: EntityInput,
    /// What for.
    action: ActionInput,
    /// What it is about. Without an id where this is what is sought.
    resource: EntityInput,
    /// Under which circumstances.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
    /// Which page.
    #[schema(required = false)]
    page: PageInput,
}

/// A search for actions.
#[derive(ToSchema)]
#[schema(as = AccessActionSearchInput)]
#[expect(dead_code, reason = "it is the description that is of use")]
struct ActionSearchInput {
    /// Who asks.
    subject: EntityInput,
    /// What it is about.
    resource: EntityInput,
    /// Under which circumstances.
    #[schema(required = false)]
    context: serde_json::Map<String, serde_json::Value>,
    /// Which page.
    #[schema(required = false)]
    page: PageInput,
}
