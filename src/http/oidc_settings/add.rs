//! `POST /admin/v1/settings/oidc`

use actix_web::HttpResponse;

use super::schema::{OidcSettingsChange, OidcSettingsInput};
use crate::app::oidc_settings::AddOidcSettings;
use crate::http::body::Body;
use crate::http::{Decode, Parts, Permitted, Problem};
use crate::proto::oidc_settings;
use crate::proto::zitadel::admin::v1::AddOidcSettingsRequest;

impl Decode for AddOidcSettings {
    const BODY: Body = Body::Message;
    const NEGOTIATED: bool = false;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(super::lifetimes::<AddOidcSettingsRequest>(parts)?))
    }
}

/// Makes the lifetimes of the instance's tokens.
#[utoipa::path(post, path = "/admin/v1/settings/oidc", operation_id = "AddOidcSettings", tag = "oidc-settings",
    request_body = OidcSettingsInput,
    responses((status = 200, description = "When they were made", body = OidcSettingsChange)))]
pub(in crate::http) async fn post(call: Permitted<AddOidcSettings>) -> Result<HttpResponse, Problem> {
    let settings = call.app.add_oidc_settings(call.permit).await?;
    super::answer(&oidc_settings::added(&settings, call.app.guard.instance()))
}
