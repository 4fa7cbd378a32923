//! `POST /v1/oidc-config/check`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::texts::{IssuerUrlSchema, PrintableSchema, ScopeSchema};
use crate::app::oidc_check::CheckOidcConfig;
use crate::authn::issuers::{CheckedStep, Step};
use crate::domain::oidc_trial::{OidcTrial, OidcTrialParts};
use crate::http::body::{Body, present};
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// A configuration to be tried out, without being stored: its issuer at least. Whatever else is sent
/// must keep the rules about a configuration that is stored, and is not used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(as = OidcConfigCheckInput)]
pub(in crate::http) struct CheckInput {
    /// Who would issue the tokens: an absolute `https` URL with a host and without credentials, query or
    /// fragment. Plain `http` for loopback hosts only.
    #[schema(value_type = IssuerUrlSchema)]
    issuer_url: String,
    /// The client id at the issuer: printable characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<PrintableSchema>)]
    client_id: Option<String>,
    /// The client's secret. It is sent to nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<String>, format = Password, min_length = 1, max_length = 4096)]
    client_secret: Option<SecretString>,
    /// The scopes to ask for: scope-tokens of RFC 6749, without repeats.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<HashSet<ScopeSchema>>, max_items = 50)]
    scopes: Option<Vec<String>>,
    /// What a token may name in `aud` in place of the client: printable characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<PrintableSchema>)]
    audience: Option<String>,
    /// Whether an ID token would be taken for an access token.
    #[serde(default, rename = "accept_id_tokens")]
    _accept_id_tokens: bool,
}

/// How far it is from the issuer's URL to its keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OidcConfigCheck)]
pub(in crate::http) struct CheckBody {
    /// Whether every step went well.
    ok: bool,
    /// The steps in their order, up to the first that failed; those after it were not tried.
    steps: Vec<StepBody>,
}

/// One step of a check.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OidcConfigCheckStep)]
pub(in crate::http) struct StepBody {
    /// Which.
    #[schema(schema_with = step_name)]
    name: &'static str,
    /// Whether it went well.
    ok: bool,
    /// What was found, for people. Nothing that was fetched is repeated in it.
    #[schema(example = "the document names this issuer")]
    detail: String,
}

/// One of the names of the steps.
fn step_name() -> Object {
    let names = Step::ALL.map(Step::name);
    ObjectBuilder::new().schema_type(Type::String).description(Some("Which.")).enum_values(Some(names)).build()
}

impl From<Vec<CheckedStep>> for CheckBody {
    fn from(steps: Vec<CheckedStep>) -> Self {
        let ok = steps.iter().all(|step| step.ok);
        let body = |step: CheckedStep| StepBody { name: step.step.name(), ok: step.ok, detail: step.detail };
        Self { ok, steps: steps.into_iter().map(body).collect() }
    }
}

impl Decode for CheckOidcConfig {
    const BODY: Body = Body::OptionalJson;
    const TENANT: TenantHeader = TenantHeader::Required;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let tenant = parts.tenant()?;
        let input: Option<CheckInput> = parts.optional_json()?;
        let trial = input.map(|input| {
            OidcTrial::parse(OidcTrialParts {
                issuer_url: &input.issuer_url,
                client_id: input.client_id.as_deref(),
                client_secret: input.client_secret.map(|secret| secret.expose_secret().to_owned()),
                scopes: input.scopes,
                audience: input.audience.as_deref(),
            })
        });
        Ok(Self { tenant, trial: trial.transpose()? })
    }
}

/// Tries out the tenant's OIDC configuration, or another one: fetches the issuer's discovery document
/// and its keys, and says step by step what works. Nothing is stored.
#[utoipa::path(post, path = "/v1/oidc-config/check", operation_id = "CheckOidcConfig", tag = "oidc-config",
    request_body = CheckInput,
    responses((status = 200, description = "How far it went", body = CheckBody)))]
pub(in crate::http) async fn post(call: Permitted<CheckOidcConfig>) -> Result<HttpResponse, Problem> {
    let steps = call.app.check_oidc_config(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &CheckBody::from(steps)))
}
