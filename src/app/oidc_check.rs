//! Trying out a tenant's OIDC configuration.

use std::time::Duration;

use super::oidc_config::issuer_attribute;
use super::rate_limit::RateLimit;
use super::{App, AppError, Command, Permit};
use crate::authn::issuers::{CheckedStep, IssuerCheck, Step};
use crate::domain::oidc_trial::{OidcTrial, OidcTrialParts};
use crate::domain::{IssuerUrl, TenantId, Timestamp};
use crate::mapping::{Attribute, Resource};
use crate::policy::ActionUse;

/// Try out a tenant's stored configuration, or one that is not stored.
#[derive(Debug, Clone)]
pub struct CheckOidcConfig {
    /// Whose.
    pub tenant: TenantId,
    /// The configuration; `None`: the stored one.
    pub trial: Option<OidcTrial>,
}

impl Command for CheckOidcConfig {
    const ACTION: ActionUse = ActionUse {
        name: "CheckOidcConfig",
        group: Some("administer"),
        resources: &["OidcConfig"],
        context: "input?: { issuer: Issuer }",
    };

    fn resource(&self) -> Resource {
        Resource::OidcConfig(self.tenant)
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        let input = |trial: &OidcTrial| Attribute::Record(vec![("issuer", issuer_attribute(&trial.issuer))]);
        self.trial.iter().map(|trial| ("input", input(trial))).collect()
    }

    #[expect(clippy::expect_used, reason = "the example is a literal, and the check at start runs in every test")]
    fn example() -> Self {
        let issuer_url = "https://login.example:8443/";
        let parts = OidcTrialParts { issuer_url, client_id: None, client_secret: None, scopes: None, audience: None };
        Self {
            tenant: TenantId::new(uuid::Uuid::nil()),
            trial: Some(OidcTrial::parse(parts).expect("a valid example")),
        }
    }
}

/// What checks are made with.
pub struct OidcChecks {
    check: IssuerCheck,
    limit: RateLimit,
}

impl OidcChecks {
    /// How many checks a tenant may have made within [`Self::WINDOW`]. Each is up to two requests to
    /// whatever public place its administrator names.
    pub const MOST: u32 = 6;
    /// See [`Self::MOST`].
    pub const WINDOW: Duration = Duration::from_mins(1);

    /// After how long somebody is told to try again for whom there was no turn.
    const SOON: Duration = Duration::from_secs(5);

    /// Checks by this client.
    #[must_use]
    pub fn new(check: IssuerCheck) -> Self {
        Self { check, limit: RateLimit::new(Self::MOST, Self::WINDOW) }
    }

    async fn run(&self, tenant: TenantId, issuer: &str, now: Timestamp) -> Result<Vec<CheckedStep>, AppError> {
        // The turn comes first: what is not done does not count.
        let turn = self.check.turn(tenant).await.map_err(|_busy| AppError::RateLimited(Self::SOON))?;
        self.limit.take(tenant, now)?;
        Ok(turn.run(issuer).await)
    }
}

impl App {
    /// Goes from the issuer's URL to its keys, and says how far that went. Nothing is stored, and nothing
    /// that was fetched before is used.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when the issuer that was given is the instance's;
    /// [`AppError::NotFound`] when there is no such tenant, or none is stored that could be tried out;
    /// [`AppError::RateLimited`], also while another check of the tenant runs, or too many do at all.
    pub async fn check_oidc_config(&self, permit: Permit<CheckOidcConfig>) -> Result<Vec<CheckedStep>, AppError> {
        let CheckOidcConfig { tenant, trial } = permit.into_command();
        let issuer = if let Some(trial) = trial {
            self.refuse_issuer_of_instance(&trial.issuer)?;
            let found = self.repositories.tenants.find(tenant).await?;
            found.ok_or(AppError::NotFound("tenant"))?;
            trial.issuer.as_sent().to_owned()
        } else {
            let found = self.repositories.oidc_configs.find(tenant).await?;
            let stored = found.ok_or(AppError::NotFound("OIDC configuration"))?.issuer_url;
            if self.is_of_instance(&stored) {
                return Ok(vec![ignored()]);
            }
            stored
        };
        self.oidc_checks.run(tenant, &issuer, self.clock.now()).await
    }

    /// Whether an issuer that a tenant stored has become the instance's.
    fn is_of_instance(&self, stored: &str) -> bool {
        IssuerUrl::parse("issuer_url", stored).is_ok_and(|issuer| self.authenticator.is_issuer_of_instance(&issuer))
    }
}

/// What is said of such an issuer: tokens do not come as far as to it.
fn ignored() -> CheckedStep {
    let detail = "it is an issuer of the instance itself, and admits nobody here".to_owned();
    CheckedStep { step: Step::IssuerUrl, ok: false, detail }
}
