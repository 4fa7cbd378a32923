//! `zitadel.admin.v1.AdminService/UpdateOIDCSettings`

use crate::app::oidc_settings::UpdateOidcSettings;
use crate::domain::Invalid;
use crate::grpc::{FromMessage, Permitted};
use crate::proto::oidc_settings;
use crate::proto::zitadel::admin::v1::{UpdateOidcSettingsRequest, UpdateOidcSettingsResponse};
use crate::transport::Problem;

impl FromMessage for UpdateOidcSettings {
    type Message = UpdateOidcSettingsRequest;

    fn from_message(sent: UpdateOidcSettingsRequest) -> Result<Self, Invalid> {
        Ok(Self(sent.try_into()?))
    }
}

pub(in crate::grpc) async fn update(
    call: Permitted<UpdateOidcSettings>,
) -> Result<UpdateOidcSettingsResponse, Problem> {
    let settings = call.app.update_oidc_settings(call.permit).await?;
    Ok(oidc_settings::updated(&settings, call.app.guard.instance()))
}
