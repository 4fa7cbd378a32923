//! `GET /admin/v1/settings/oidc`

use actix_web::HttpResponse;

use super::schema::OidcSettingsAnswer;
use crate::app::oidc_settings::ReadOidcSettings;
use crate::http::{Decode, Parts, Permitted, Problem};
use crate::proto::oidc_settings;

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
    super::answer(&oidc_settings::read(&settings, call.app.guard.instance()))
}
