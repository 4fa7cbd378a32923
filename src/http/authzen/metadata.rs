//! `GET /.well-known/authzen-configuration`, and the same of a store by its name

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::service::ReadAuthzenConfiguration;
use crate::http::{Decode, Parts, Permitted, Problem};

impl Decode for ReadAuthzenConfiguration {
    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let base = parts.public_url()?.to_owned();
        Ok(Self {
            base: match parts.named_store()? {
                None => base,
                Some(store) => format!("{base}/stores/{store}"),
            },
        })
    }
}

/// Where the endpoints are.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthzenConfiguration)]
pub(in crate::http) struct ConfigurationBody {
    /// What this is about: the service, or one store of it.
    #[schema(example = "https://gatewood.example.com")]
    policy_decision_point: String,
    /// Single evaluations.
    access_evaluation_endpoint: String,
    /// Several evaluations at once.
    access_evaluations_endpoint: String,
    /// Who may?
    search_subject_endpoint: String,
    /// On what?
    search_resource_endpoint: String,
    /// What?
    search_action_endpoint: String,
}

/// Where the endpoints are (AuthZEN Authorization API 1.0, section 9). Whether there is such a store is not
/// looked at: strangers may ask this.
#[utoipa::path(get, path = "/.well-known/authzen-configuration", operation_id = "ReadAuthzenConfiguration", tag = "authzen",
    responses((status = 200, description = "The endpoints", body = ConfigurationBody)))]
pub(in crate::http) async fn get(call: Permitted<ReadAuthzenConfiguration>) -> Result<HttpResponse, Problem> {
    let base = call.app.authzen_configuration(call.permit);
    let endpoint = |name: &str| format!("{base}/access/v1/{name}");
    let body = ConfigurationBody {
        access_evaluation_endpoint: endpoint("evaluation"),
        access_evaluations_endpoint: endpoint("evaluations"),
        search_subject_endpoint: endpoint("search/subject"),
        search_resource_endpoint: endpoint("search/resource"),
        search_action_endpoint: endpoint("search/action"),
        policy_decision_point: base,
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "max-age=300")).json(body))
}
