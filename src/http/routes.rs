//! Every route. What a route's command may do is said by the policies under `policies/gatewood`.

use super::{Routes, api_keys, audit_events, decisions, oidc_config, oidc_settings, service, stores, tenants};

/// The table of routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .get("/healthz", service::healthz::get)
        .get("/readyz", service::readyz::get)
        .get("/openapi.json", service::openapi::get)
        .get("/v1/whoami", service::whoami::get)
        .get("/v1/oidc-config", oidc_config::read::get)
        .put("/v1/oidc-config", oidc_config::upsert::put)
        .delete("/v1/oidc-config", oidc_config::delete::delete)
        .post("/v1/oidc-config/check", oidc_config::check::post)
        .get("/admin/v1/settings/oidc", oidc_settings::read::get)
        .post("/admin/v1/settings/oidc", oidc_settings::add::post)
        .put("/admin/v1/settings/oidc", oidc_settings::update::put)
        .post("/v1/tenants", tenants::create::post)
        .get("/v1/tenants", tenants::list::get)
        .get("/v1/tenants/{id}", tenants::read::get)
        .patch("/v1/tenants/{id}", tenants::update::patch)
        .delete("/v1/tenants/{id}", tenants::delete::delete)
        .post("/v1/api-keys", api_keys::create::post)
        .get("/v1/api-keys", api_keys::list::get)
        .get("/v1/api-keys/{id}", api_keys::read::get)
        .delete("/v1/api-keys/{id}", api_keys::revoke::delete)
        .post("/v1/api-keys/{id}/rotate", api_keys::rotate::post)
        .post("/v1/api-keys/{id}/suspend", api_keys::suspend::post)
        .post("/v1/api-keys/{id}/resume", api_keys::resume::post)
        .get("/v1/audit-events", audit_events::list::get)
        .get("/v1/stores", stores::list::get)
        .get("/v1/stores/{store}", stores::read::get)
        .get("/v1/stores/{store}/schema", stores::schema::get)
        .get("/v1/stores/{store}/policies", stores::policies::get)
        .get("/v1/stores/{store}/policies/{id}", stores::policy::get)
        .post("/v1/stores/{store}/reload", stores::reload::post)
        .post("/v1/stores/{store}/check", stores::check::post)
        .post("/v1/is-authorized", decisions::single::post)
        .post("/v1/is-authorized/batch", decisions::batch::post)
        .post("/v1/stores/{store}/is-authorized", decisions::single::post)
        .post("/v1/stores/{store}/is-authorized/batch", decisions::batch::post)
}
