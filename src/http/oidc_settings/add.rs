//! `POST /admin/v1/settings/oidc`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::body::{OidcSettingsChange, OidcSettingsInput, lifetimes};
use crate::app::oidc_settings::AddOidcSettings;
use crate::http::admin_dialect::StatusBody;
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem, reply};

impl Decode for AddOidcSettings {
    const BODY: Body = Body::AnyType;
    const NEGOTIATED: bool = false;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(lifetimes(parts)?))
    }
}

/// Makes the lifetimes of the instance's tokens.
#[utoipa::path(post, path = "/admin/v1/settings/oidc", operation_id = "AddOidcSettings", tag = "oidc-settings",
    request_body = OidcSettingsInput,
    responses(
        (status = 200, description = "When they were made", body = OidcSettingsChange),
        (status = 409, description = "There are settings already", body = StatusBody),
    ))]
pub(in crate::http) async fn post(call: Permitted<AddOidcSettings>) -> Result<HttpResponse, Problem> {
    let settings = call.app.add_oidc_settings(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &OidcSettingsChange::new(&settings, call.app.guard.instance())))
}
