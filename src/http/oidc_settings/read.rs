//! `GET /admin/v1/settings/oidc`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::body::OidcSettingsAnswer;
use crate::app::oidc_settings::ReadOidcSettings;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for ReadOidcSettings {
    const NEGOTIATED: bool = false;

    fn decode(_parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Reads the lifetimes of the instance's tokens.
#[utoipa::path(get, path = "/admin/v1/settings/oidc", operation_id = "ReadOidcSettings", tag = "oidc-settings",
    responses((status = 200, description = "The settings", body = OidcSettingsAnswer)))]
pub(in crate::http) async fn get(call: Permitted<ReadOidcSettings>) -> Result<HttpResponse, Problem> {
    let settings = call.app.read_oidc_settings(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &OidcSettingsAnswer::new(&settings, call.app.guard.instance())))
}
