//! Known keys, so that authenticating one does not touch the database.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use quick_cache::sync::Cache;

use super::freshness::{Freshness, Generation};
use crate::domain::{ApiKeyId, KeyHolder, StoredCredential};

/// A bounded cache of stored credentials.
pub(super) struct KeyCache {
    entries: Cache<ApiKeyId, Arc<Known>>,
    freshness: Arc<Freshness>,
}

/// A key that is known.
pub(super) struct Known {
    pub(super) credential: StoredCredential,
    pub(super) holder: Arc<KeyHolder>,
    generation: Generation,
    /// The minute in which its use was last noted.
    pub(super) noted_minute: AtomicI64,
}

impl KeyCache {
    pub(super) fn new(capacity: usize, freshness: Arc<Freshness>) -> Self {
        Self { entries: Cache::new(capacity), freshness }
    }

    pub(super) fn get(&self, id: ApiKeyId) -> Option<Arc<Known>> {
        let known = self.entries.get(&id)?;
        self.freshness.counts(known.generation).then_some(known)
    }

    /// Whether this key was known, perhaps before something was taken away.
    pub(super) fn was_known(&self, id: ApiKeyId) -> bool {
        self.entries.peek(&id).is_some()
    }

    /// Keeps what the database said. `asked_at` was taken before it was asked.
    pub(super) fn put(&self, credential: StoredCredential, holder: Arc<KeyHolder>, asked_at: Generation) -> Arc<Known> {
        let noted_minute = AtomicI64::new(i64::MIN);
        let known = Arc::new(Known { holder, generation: asked_at, noted_minute, credential });
        self.entries.insert(known.credential.key.id, Arc::clone(&known));
        known
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use chrono::DateTime;

    use super::*;
    use crate::domain::{ApiKey, Entropy, KeyMaterial, KeyScope, Name, Role, Roles};

    fn put(cache: &KeyCache, asked_at: Generation) -> ApiKeyId {
        let material = KeyMaterial::generate(&Entropy::system(), DateTime::UNIX_EPOCH);
        let name = Name::parse("name", "n").unwrap();
        let roles = Roles::only(Role::Root);
        let holder =
            KeyHolder { id: material.id(), name: name.clone(), scope: KeyScope::Instance, roles: roles.closure() };
        let key = ApiKey {
            id: material.id(),
            scope: KeyScope::Instance,
            name,
            roles,
            created_at: DateTime::UNIX_EPOCH,
            created_by: "test".to_owned(),
            expires_at: None,
            suspended_at: None,
            last_used_at: None,
            previous_valid_until: None,
        };
        cache.put(StoredCredential { key, digest: material.digest(), previous: None }, Arc::new(holder), asked_at);
        material.id()
    }

    #[test]
    fn an_answer_that_a_revocation_overtook_does_not_count() {
        let fresh = Arc::new(Freshness::new(Duration::from_mins(1)));
        let cache = KeyCache::new(10, Arc::clone(&fresh));
        fresh.confirm(Instant::now(), 1);
        let before = fresh.generation();
        fresh.forget();
        let id = put(&cache, before);
        assert!(cache.get(id).is_none());
        let id = put(&cache, fresh.generation());
        assert!(cache.get(id).is_some());
    }

    #[test]
    fn a_moved_epoch_forgets_and_an_old_confirmation_does_not_count() {
        let fresh_for = Duration::from_mins(1);
        let fresh = Arc::new(Freshness::new(fresh_for));
        let cache = KeyCache::new(10, Arc::clone(&fresh));
        let id = put(&cache, fresh.generation());
        assert!(cache.get(id).is_none(), "nothing is confirmed yet");
        fresh.confirm(Instant::now(), 1);
        let id = put(&cache, fresh.generation());
        fresh.confirm(Instant::now(), 1);
        assert!(cache.get(id).is_some());
        fresh.confirm(Instant::now(), 2);
        assert!(cache.get(id).is_none(), "the epoch moved");
        let id = put(&cache, fresh.generation());
        fresh.confirm(Instant::now().checked_sub(fresh_for).unwrap(), 2);
        assert!(cache.get(id).is_none(), "the confirmation is old");
    }
}
