//! `GET /v1/whoami`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::service::{Identity, WhoAmI};
use crate::domain::Caller;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

/// The caller, as the service sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct IdentityBody {
    /// `api_key` or `anonymous`.
    kind: &'static str,
    /// The id of the caller's key.
    id: Option<Uuid>,
    /// What its maker called it.
    name: Option<String>,
    /// The tenant that it belongs to; `null` for an instance-level key.
    tenant_id: Option<Uuid>,
    /// Its roles and all that they hold.
    roles: Vec<&'static str>,
    /// The Cedar principal that it becomes.
    #[schema(example = "Gatewood::ApiKey::\"0190a5c2-7a3b-7c4d-8e5f-00112233aabb\"")]
    principal: String,
}

impl From<Identity> for IdentityBody {
    fn from(Identity { caller, principal }: Identity) -> Self {
        let tenant_id = caller.tenant().map(crate::domain::TenantId::uuid);
        match caller {
            Caller::Anonymous => {
                Self { kind: "anonymous", id: None, name: None, tenant_id, roles: Vec::new(), principal }
            }
            Caller::ApiKey(key) => Self {
                kind: "api_key",
                id: Some(key.id.uuid()),
                name: Some(key.name.as_str().to_owned()),
                tenant_id,
                roles: key.roles.names().collect(),
                principal,
            },
        }
    }
}

impl Decode for WhoAmI {
    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Who the caller is.
#[utoipa::path(get, path = "/v1/whoami", operation_id = "WhoAmI", tag = "service",
    responses((status = 200, description = "The caller", body = IdentityBody)))]
pub(in crate::http) async fn get(call: Permitted<WhoAmI>) -> Result<HttpResponse, Problem> {
    Ok(reply::json(StatusCode::OK, &IdentityBody::from(call.app.whoami(&call.permit))))
}
