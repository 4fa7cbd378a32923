//! Known keys, so that authenticating one does not touch the database.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::domain::{ApiKeyId, KeyHolder, StoredCredential};

/// A bounded cache of stored credentials.
///
/// An entry counts while two things hold: nothing was revoked since it was read (its generation is
/// the current one), and the database said so recently (the cache is confirmed). Whoever finds it
/// otherwise asks the database, which is slower and never wrong.
pub(super) struct KeyCache {
    entries: Cache<ApiKeyId, Arc<Known>>,
    generation: AtomicU64,
    confirmed: RwLock<Confirmed>,
    /// How long a confirmation lasts.
    fresh_for: Duration,
}

struct Confirmed {
    /// When the last successful look at the database began.
    at: Option<Instant>,
    /// The epoch that it found.
    epoch: i64,
}

/// A key that is known.
pub(super) struct Known {
    pub(super) credential: StoredCredential,
    pub(super) holder: Arc<KeyHolder>,
    generation: u64,
    /// The minute in which its use was last noted.
    pub(super) noted_minute: AtomicI64,
}

/// The state of the cache before the database is asked: what comes back belongs to it.
#[derive(Clone, Copy)]
pub(super) struct Generation(u64);

impl KeyCache {
    pub(super) fn new(capacity: usize, fresh_for: Duration) -> Self {
        let confirmed = RwLock::new(Confirmed { at: None, epoch: i64::MIN });
        Self { entries: Cache::new(capacity), generation: AtomicU64::new(0), confirmed, fresh_for }
    }

    pub(super) fn get(&self, id: ApiKeyId) -> Option<Arc<Known>> {
        let known = self.entries.get(&id)?;
        (self.is_fresh() && known.generation == self.generation().0).then_some(known)
    }

    /// Whether the database answered lately.
    pub(super) fn is_fresh(&self) -> bool {
        let confirmed = self.confirmed.read();
        confirmed.is_ok_and(|confirmed| confirmed.at.is_some_and(|at| at.elapsed() < self.fresh_for))
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Keeps what the database said. `asked_at` was taken before it was asked, so an answer that a
    /// revocation has overtaken never counts.
    pub(super) fn put(&self, credential: StoredCredential, holder: Arc<KeyHolder>, asked_at: Generation) -> Arc<Known> {
        let noted_minute = AtomicI64::new(i64::MIN);
        let known = Arc::new(Known { holder, generation: asked_at.0, noted_minute, credential });
        self.entries.insert(known.credential.key.id, Arc::clone(&known));
        known
    }

    /// Forgets everything, at once.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes note of a look at the database that began at `began` and found `epoch`.
    pub(super) fn confirm(&self, began: Instant, epoch: i64) {
        let Ok(mut confirmed) = self.confirmed.write() else { return };
        if confirmed.epoch != epoch {
            confirmed.epoch = epoch;
            self.forget();
        }
        confirmed.at = Some(began);
    }
}

#[cfg(test)]
mod tests {
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
        let cache = KeyCache::new(10, Duration::from_mins(1));
        cache.confirm(Instant::now(), 1);
        let before = cache.generation();
        cache.forget();
        let id = put(&cache, before);
        assert!(cache.get(id).is_none());
        let id = put(&cache, cache.generation());
        assert!(cache.get(id).is_some());
    }

    #[test]
    fn a_moved_epoch_forgets_and_an_old_confirmation_does_not_count() {
        let cache = KeyCache::new(10, Duration::from_millis(20));
        let id = put(&cache, cache.generation());
        assert!(cache.get(id).is_none(), "nothing is confirmed yet");
        cache.confirm(Instant::now(), 1);
        let id = put(&cache, cache.generation());
        cache.confirm(Instant::now(), 1);
        assert!(cache.get(id).is_some());
        cache.confirm(Instant::now(), 2);
        assert!(cache.get(id).is_none(), "the epoch moved");
        let id = put(&cache, cache.generation());
        std::thread::sleep(Duration::from_millis(30));
        assert!(cache.get(id).is_none(), "the confirmation is old");
    }
}
