//! `PUT /admin/v1/settings/oidc`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::body::{OidcSettingsChange, OidcSettingsInput, lifetimes};
use crate::app::oidc_settings::UpdateOidcSettings;
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for UpdateOidcSettings {
    const BODY: Body = Body::AnyType;
    const NEGOTIATED: bool = false;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(lifetimes(parts)?))
    }
}

/// Changes the lifetimes of the instance's tokens.
#[utoipa::path(put, path = "/admin/v1/settings/oidc", operation_id = "UpdateOidcSettings", tag = "oidc-settings",
    request_body = OidcSettingsInput,
    responses((status = 200, description = "When they were changed", body = OidcSettingsChange)))]
pub(in crate::http) async fn put(call: Permitted<UpdateOidcSettings>) -> Result<HttpResponse, Problem> {
    let settings = call.app.update_oidc_settings(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &OidcSettingsChange::new(&settings, call.app.guard.instance())))
}
