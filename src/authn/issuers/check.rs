//! Trying out an issuer, so that a typo is found before a login fails.

use super::Outbound;
use super::discovery::{Cause, Report, Step, Stopped, walk};
use super::fetch_error::FetchError;
use super::turns::{Busy, Turn, Turns};
use crate::domain::TenantId;

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedStep {
    /// Which.
    pub step: Step,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, in our own words, numbers and names of algorithms. Nothing that was fetched is in it.
    pub detail: String,
}

/// Tries out issuers. Nothing is kept, and nothing that is kept is used.
pub struct IssuerCheck {
    outbound: Outbound,
    turns: Turns,
}

/// A check that may be made now.
pub struct CheckTurn<'a> {
    check: &'a IssuerCheck,
    turn: Turn,
}

impl IssuerCheck {
    /// How many checks run at once. They take no turn from fetching the keys of callers.
    const AT_ONCE: usize = 8;

    /// Checks that go out by this client.
    #[must_use]
    pub fn new(outbound: Outbound) -> Self {
        Self { outbound, turns: Turns::new(Self::AT_ONCE) }
    }

    /// Waits until this tenant may have something tried out.
    ///
    /// # Errors
    /// When it is having something tried out, or too many others are.
    pub async fn turn(&self, tenant: TenantId) -> Result<CheckTurn<'_>, Busy> {
        let turn = self.turns.take_for(&[tenant], self.outbound.timeout()).await?;
        Ok(CheckTurn { check: self, turn })
    }
}

impl CheckTurn<'_> {
    /// The steps in their order, up to the first that fails.
    pub async fn run(self, issuer: &str) -> Vec<CheckedStep> {
        let mut steps = Steps(Vec::new());
        match walk(&self.check.outbound, &self.turn, issuer, &mut steps).await {
            Ok(keys) => {
                let ok = !keys.keys.is_empty();
                steps.0.push(CheckedStep { step: Step::UsableKeys, ok, detail: keys.describe() });
            }
            Err(stopped) => {
                // The log is for the operator, who may know more than whoever asked.
                tracing::info!(issuer.url = issuer, error = %stopped, "an issuer that was tried out cannot be used");
                steps.0.push(failed(&stopped));
            }
        }
        steps.0
    }
}

struct Steps(Vec<CheckedStep>);

impl Report for Steps {
    fn passed(&mut self, step: Step, detail: &'static str) {
        self.0.push(CheckedStep { step, ok: true, detail: detail.to_owned() });
    }
}

fn failed(stopped: &Stopped) -> CheckedStep {
    let detail = match &stopped.cause {
        // Told apart, they would say which names there are in the network that this runs in.
        Cause::Fetch(FetchError::Unresolved | FetchError::Refused) => {
            "the host has no address that may be reached: its name does not resolve, or one of its addresses is not \
             public and not in an allowed network"
                .to_owned()
        }
        cause @ (Cause::Fetch(_) | Cause::Keys(_) | Cause::Other(_)) => cause.to_string(),
    };
    CheckedStep { step: stopped.step, ok: false, detail }
}
