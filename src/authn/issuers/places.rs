//! What is remembered of issuers: of each that the instance trusts, and of one for each tenant.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};

use super::state::State;
use super::turns::Requester;
use crate::domain::TenantId;

/// An issuer, as far as it was asked for.
pub(super) struct Issuer {
    pub(super) url: String,
    pub(super) of_instance: bool,
    state: Mutex<State>,
    /// Whose place it has.
    tenants: Mutex<BTreeSet<TenantId>>,
}

impl Issuer {
    fn new(url: &str, of_instance: bool) -> Arc<Self> {
        let (state, tenants) = (Mutex::default(), Mutex::default());
        Arc::new(Self { url: url.to_owned(), of_instance, state, tenants })
    }

    /// What was written under a lock that somebody panicked with is whole: nothing in there can fail halfway.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenants on whose behalf it is asked.
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.named_by().iter().copied().collect()
    }

    fn named_by(&self) -> MutexGuard<'_, BTreeSet<TenantId>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Issuers by their URLs. Those of the instance stay. A tenant has one place, for the issuer that it
/// named last: whatever it names one after the other, it pushes nobody out but itself. An issuer is
/// forgotten when it has no place any more and is not being asked.
#[derive(Default)]
pub(super) struct Places(RwLock<Held>);

#[derive(Default)]
struct Held {
    of_instance: HashMap<String, Arc<Issuer>>,
    of_tenants: HashMap<TenantId, Arc<Issuer>>,
    named: HashMap<String, Weak<Issuer>>,
}

impl Places {
    /// How many tenants have a place. The largest key set takes some 300 KiB, an ordinary one 5.
    const TENANTS: usize = 10_000;

    /// The issuer of this URL, if it has a place.
    pub(super) fn get(&self, url: &str) -> Option<Arc<Issuer>> {
        self.read().get(url)
    }

    /// The issuer of this URL, which has a place from now on.
    pub(super) fn take(&self, url: &str, requester: Requester<'_>) -> Arc<Issuer> {
        if let Some(issuer) = self.read().placed(url, requester) {
            return issuer;
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match requester {
            Requester::Instance => {
                let issuer = held.of_instance.entry(url.to_owned()).or_insert_with(|| Issuer::new(url, true));
                Arc::clone(issuer)
            }
            Requester::Tenants(tenants) => held.place(url, tenants),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&self, url: &str) -> Option<Arc<Issuer>> {
        self.of_instance.get(url).cloned().or_else(|| self.named.get(url).and_then(Weak::upgrade))
    }

    /// The issuer, when nothing has to change for it.
    fn placed(&self, url: &str, requester: Requester<'_>) -> Option<Arc<Issuer>> {
        match requester {
            Requester::Instance => self.of_instance.get(url).cloned(),
            Requester::Tenants(tenants) => {
                let issuer = self.named.get(url).and_then(Weak::upgrade)?;
                let has = |tenant| self.of_tenants.get(tenant).is_some_and(|place| Arc::ptr_eq(place, &issuer));
                tenants.iter().all(has).then_some(issuer)
            }
        }
    }

    fn place(&mut self, url: &str, tenants: &[TenantId]) -> Arc<Issuer> {
        let known = self.named.get(url).and_then(Weak::upgrade);
        let issuer = known.unwrap_or_else(|| {
            let issuer = Issuer::new(url, false);
            self.named.insert(url.to_owned(), Arc::downgrade(&issuer));
            issuer
        });
        for &tenant in tenants {
            if !self.of_tenants.contains_key(&tenant) && self.of_tenants.len() >= Places::TENANTS {
                // Which one makes room does not matter: a tenant cannot make others.
                if let Some(some) = self.of_tenants.keys().next().copied() {
                    self.leave(some);
                }
            }
            self.leave(tenant);
            issuer.named_by().insert(tenant);
            self.of_tenants.insert(tenant, Arc::clone(&issuer));
        }
        if self.named.len() > 2 * self.of_tenants.len() + 100 {
            self.named.retain(|_, issuer| issuer.strong_count() > 0);
        }
        issuer
    }

    fn leave(&mut self, tenant: TenantId) {
        if let Some(issuer) = self.of_tenants.remove(&tenant) {
            issuer.named_by().remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: u128) -> TenantId {
        TenantId::new(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_tenant_pushes_nobody_out_but_itself() {
        let (places, rude, quiet) = (Places::default(), tenant(1), tenant(2));
        places.take("https://staff", Requester::Instance);
        places.take("https://quiet", Requester::Tenants(&[quiet]));
        for number in 0..1_000 {
            places.take(&format!("https://rude/{number}"), Requester::Tenants(&[rude]));
        }
        assert!(places.get("https://staff").is_some() && places.get("https://quiet").is_some());
        assert!(places.get("https://rude/999").is_some());
        assert!(places.get("https://rude/998").is_none());
        assert!(places.read().named.len() < 200, "and what is forgotten takes no room");
    }

    #[test]
    fn an_issuer_of_several_tenants_stays_while_one_of_them_has_it() {
        let (places, one, two) = (Places::default(), tenant(1), tenant(2));
        let shared = places.take("https://shared", Requester::Tenants(&[one, two]));
        assert_eq!(shared.tenants(), [one, two]);
        places.take("https://other", Requester::Tenants(&[one]));
        assert_eq!(shared.tenants(), [two], "who names another is not the one on whose behalf it is asked");
        let again = places.take("https://shared", Requester::Tenants(&[two]));
        assert!(Arc::ptr_eq(&shared, &again));
    }

    #[test]
    fn an_issuer_that_is_being_asked_is_still_the_same_one() {
        let (places, one) = (Places::default(), tenant(1));
        let asked = places.take("https://one", Requester::Tenants(&[one]));
        places.take("https://two", Requester::Tenants(&[one]));
        assert!(Arc::ptr_eq(&asked, &places.take("https://one", Requester::Tenants(&[one]))));
    }
}
