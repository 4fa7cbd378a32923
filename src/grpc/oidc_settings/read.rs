//! `zitadel.admin.v1.AdminService/GetOIDCSettings`

use crate::app::oidc_settings::ReadOidcSettings;
use crate::domain::Invalid;
use crate::grpc::{FromMessage, Permitted};
use crate::proto::oidc_settings;
use crate::proto::zitadel::admin::v1::{GetOidcSettingsRequest, GetOidcSettingsResponse};
use crate::transport::Problem;

impl FromMessage for ReadOidcSettings {
    type Message = GetOidcSettingsRequest;

    fn from_message(_sent: GetOidcSettingsRequest) -> Result<Self, Invalid> {
        Ok(Self)
    }
}

pub(in crate::grpc) async fn get(call: Permitted<ReadOidcSettings>) -> Result<GetOidcSettingsResponse, Problem> {
    let settings = call.app.read_oidc_settings(call.permit).await?;
    Ok(oidc_settings::read(&settings, call.app.guard.instance()))
}
