//! Every method. What a method's command may do is said by the policies under `policies/gatewood`.

use super::{Methods, health, oidc_settings};

/// The table of methods.
#[must_use]
pub fn methods() -> Methods {
    Methods::default()
        .unary("zitadel.admin.v1.AdminService/GetOIDCSettings", oidc_settings::read::get)
        .unary("zitadel.admin.v1.AdminService/AddOIDCSettings", oidc_settings::add::add)
        .unary("zitadel.admin.v1.AdminService/UpdateOIDCSettings", oidc_settings::update::update)
        .unary("grpc.health.v1.Health/Check", health::check)
}
