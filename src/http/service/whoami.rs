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
    /// `api_key`, `user` or `anonymous`.
    kind: &'static str,
    /// The id of the caller's key.
    id: Option<Uuid>,
    /// What its maker called it.
    name: Option<String>,
    /// The tenant that it belongs to; `null` for an instance-level key or user.
    tenant_id: Option<Uuid>,
    /// Its roles and all that they hold.
    roles: Vec<&'static str>,
    /// Who vouches for a user: the issuer's URL, without a slash at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://login.example.com")]
    issuer: Option<String>,
    /// What its issuer calls a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subject: Option<String>,
    /// The names of a user's groups, as its issuer calls them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    groups: Option<Vec<String>>,
    /// The Cedar principal that it becomes.
    #[schema(example = "Gatewood::ApiKey::\"0190a5c2-7a3b-7c4d-8e5f-00112233aabb\"")]
    principal: String,
}

impl From<Identity> for IdentityBody {
    fn from(Identity { caller, principal }: Identity) -> Self {
        let tenant_id = caller.tenant().map(crate::domain::TenantId::uuid);
        let nobody = Self {
            kind: "anonymous",
            id: None,
            name: None,
            tenant_id,
            roles: Vec::new(),
            issuer: None,
            subject: None,
            groups: None,
            principal,
        };
        match caller {
            Caller::Anonymous => nobody,
            Caller::ApiKey(key) => Self {
                kind: "api_key",
                id: Some(key.id.uuid()),
                name: Some(key.name.as_str().to_owned()),
                roles: key.roles.names().collect(),
                ..nobody
            },
            Caller::User(user) => Self {
                kind: "user",
                roles: user.identity().roles.names().collect(),
                issuer: Some(user.identity().issuer.clone()),
                subject: Some(user.identity().subject.clone()),
                groups: Some(user.identity().groups.clone()),
                ..nobody
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
