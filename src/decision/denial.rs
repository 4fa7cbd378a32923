//! What a denied caller is told.

use super::Decision;
use super::decide::notices;
use crate::policy::{Policy, Status};

/// A denial in the words of the policies that determined it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What is answered, in every dialect's own number.
    pub status: Status,
    /// The machine-readable reason.
    pub code: String,
    /// The notices of the determining policies.
    pub notices: Vec<String>,
}

impl Denial {
    /// The code that says that the credential is of another tenant.
    pub const TENANT_MISMATCH: &'static str = "tenant_mismatch";

    /// Reads a denial off a decision.
    ///
    /// The status is the strongest that a determining policy asks for, and at least "present a
    /// credential" for a caller who presented none. The code is `tenant_mismatch` if one says so,
    /// else that of the lowest policy id with that status and a `@code`, else the status's own.
    ///
    /// A stranger who is only told to present a credential is told nothing else: code and notices
    /// come from policies that themselves say `@status("401")`. Rules for callers that are known
    /// would otherwise tell the platform's inner workings to everybody.
    #[must_use]
    pub fn of(decision: &Decision, anonymous: bool, languages: &[String]) -> Self {
        let asked = decision.determining().map(|policy| policy.annotations.status()).max();
        let floor = if anonymous { Some(Status::Unauthenticated) } else { None };
        let status = asked.max(floor).unwrap_or(Status::Forbidden);
        let stranger = anonymous && status == Status::Unauthenticated;
        let may_speak = |policy: &&Policy| !stranger || policy.annotations.status() == status;
        let codes = || {
            let speaking = decision.determining().filter(may_speak);
            speaking.filter_map(|policy| Some((policy, policy.annotations.code()?)))
        };
        let code = if codes().any(|(_, code)| code == Self::TENANT_MISMATCH) {
            Self::TENANT_MISMATCH
        } else {
            let same_status = codes().find(|(policy, _)| policy.annotations.status() == status);
            same_status.map_or_else(|| usual_code(status), |(_, code)| code)
        };
        let notices = notices(decision.determining().filter(may_speak), languages);
        Self { status, code: code.to_owned(), notices }
    }
}

const fn usual_code(status: Status) -> &'static str {
    match status {
        Status::Conflict => "conflict",
        Status::Forbidden => "forbidden",
        Status::Unauthenticated => "unauthenticated",
        Status::NotFound => "not_found",
    }
}
