//! `GET /v1/oidc-config`

use actix_web::HttpResponse;

use super::OidcConfigBody;
use crate::app::oidc_config::{Found, ReadOidcConfig};
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

impl Decode for ReadOidcConfig {
    const TENANT: TenantHeader = TenantHeader::Required;
    const CONDITIONAL: bool = true;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self { tenant: parts.tenant()?, precondition: parts.precondition()? })
    }
}

/// The tenant's OIDC configuration, without its secret.
#[utoipa::path(get, path = "/v1/oidc-config", operation_id = "ReadOidcConfig", tag = "oidc-config",
    responses(
        (status = 200, description = "The configuration", body = OidcConfigBody,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The reader has this version already")))]
pub(in crate::http) async fn get(call: Permitted<ReadOidcConfig>) -> Result<HttpResponse, Problem> {
    Ok(match call.app.read_oidc_config(call.permit).await? {
        Found::NotModified(config) => reply::not_modified(&config.etag()),
        Found::Config(config) => {
            let etag = config.etag();
            reply::versioned(&OidcConfigBody::from(config), &etag)
        }
    })
}
