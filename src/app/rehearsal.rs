//! Calls that never came: with them a start tries out whether what the code gives to the policies fits
//! the schema.

use std::sync::Arc;
use std::time::Instant;

use super::Command;
use crate::domain::{
    ApiKeyId, Call, Caller, Identity, InstanceId, KeyHolder, KeyScope, Name, RequestFacts, Role, Roles, TenantId,
    Timestamp, User, UserClaims,
};
use crate::mapping::{MappingError, Principals, map};
use crate::policy::Snapshot;

/// A version of the control plane's policies that is not in force yet.
pub struct Rehearsal {
    snapshot: Arc<Snapshot>,
    principals: Principals,
    instance: InstanceId,
}

impl Rehearsal {
    /// Of this version.
    #[must_use]
    pub fn of(snapshot: &Arc<Snapshot>) -> Self {
        let instance = InstanceId::from_stored("rehearsal".to_owned());
        Self { snapshot: Arc::clone(snapshot), principals: Principals::default(), instance }
    }

    /// Tries, for callers of every kind, whether what a command gives to the policies fits the schema:
    /// the request as for every call, and the entities too.
    ///
    /// # Errors
    /// Which action does not fit, and what of it.
    pub fn rehearse<C: Command>(&self) -> Result<(), String> {
        let fits = |call: &Call| {
            let mapped = map(&self.snapshot, &self.principals, &self.instance, call, C::example().question())?;
            mapped.check_entities(&self.snapshot)
        };
        let rehearsed: Result<(), MappingError> = calls().iter().try_for_each(fits);
        rehearsed.map_err(|error| format!("the action {}: {error}", C::ACTION.name))
    }
}

/// A call with everything that a call can have, and one with nothing that it need not have, by
/// callers of each kind.
fn calls() -> Vec<Call> {
    let tenant = TenantId::new(uuid::Uuid::nil());
    let holder = |scope| {
        let (id, name) = (ApiKeyId::new(uuid::Uuid::nil()), Name::from_stored("rehearsal".to_owned()));
        Caller::ApiKey(Arc::new(KeyHolder { id, name, scope, roles: Roles::only(Role::Root).closure() }))
    };
    let call = |caller: Caller, full: bool| Call {
        caller,
        tenant: full.then_some(tenant),
        request: RequestFacts {
            trace_id: None,
            began: Instant::now(),
            id: String::new(),
            method: String::new(),
            path: String::new(),
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            user_agent: full.then(String::new),
            tls: false,
        },
        languages: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
    };
    let [full, bare] = users(tenant);
    let callers = [Caller::Anonymous, holder(KeyScope::Instance), holder(KeyScope::Tenant(tenant)), full, bare];
    callers.into_iter().flat_map(|caller| [call(caller.clone(), true), call(caller, false)]).collect()
}

/// A user with everything that a user can have, and one with nothing that it need not have.
fn users(tenant: TenantId) -> [Caller; 2] {
    let some = || Some("rehearsal".to_owned());
    let mut full = Identity::new("https://issuer.example", "rehearsal");
    full.roles = Roles::only(Role::Admin).closure();
    full.groups = vec!["rehearsal".to_owned()];
    full.claims = UserClaims {
        scopes: vec!["rehearsal".to_owned()],
        client_id: some(),
        email: some(),
        email_verified: Some(true),
        acr: some(),
        amr: Some(vec!["rehearsal".to_owned()]),
        auth_time: Some(Timestamp::UNIX_EPOCH),
    };
    let bare = Identity::new("https://issuer.example", "nobody");
    [(Some(tenant), full), (None, bare)]
        .map(|(tenant, identity)| Caller::User(Arc::new(User::new(tenant, Arc::new(identity)))))
}
