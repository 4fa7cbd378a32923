//! `zitadel.admin.v1.AdminService/AddOIDCSettings`

use crate::app::oidc_settings::AddOidcSettings;
use crate::domain::Invalid;
use crate::grpc::{FromMessage, Permitted};
use crate::proto::oidc_settings;
use crate::proto::zitadel::admin::v1::{AddOidcSettingsRequest, AddOidcSettingsResponse};
use crate::transport::Problem;

impl FromMessage for AddOidcSettings {
    type Message = AddOidcSettingsRequest;

    fn from_message(sent: AddOidcSettingsRequest) -> Result<Self, Invalid> {
        Ok(Self(sent.try_into()?))
    }
}

pub(in crate::grpc) async fn add(call: Permitted<AddOidcSettings>) -> Result<AddOidcSettingsResponse, Problem> {
    let settings = call.app.add_oidc_settings(call.permit).await?;
    Ok(oidc_settings::added(&settings, call.app.guard.instance()))
}
