//! The repositories, one contract for both databases.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use gatewood::domain::{
    ApiKey, ApiKeyId, AuditEvent, AuditFilter, Clock, DatabaseUrl, Entropy, KeyMaterial, KeyScope, Name,
    OidcConfigDraft, Origin, PageRequest, Precondition, Role, Roles, Tenant, TenantId, TenantIssuer, Timestamp,
    Versions,
};
use gatewood::persistence::{
    ApiKeys, AuditEvents, ControlPolicies, Database, Instance, KeyRing, NewApiKey, OidcConfigs, PoolSettings,
    RootKeyOutcome, StoreError, Tenants, count_rows, reseal,
};
use secrecy::{ExposeSecret, SecretString};

use crate::support::{Backend, ENCRYPTION_KEY, TestDatabase};

/// The repositories on a database of their own.
struct Store {
    backend: Backend,
    database: TestDatabase,
    open: Database,
    tenants: Tenants,
    oidc_configs: OidcConfigs,
    api_keys: ApiKeys,
    instance: Instance,
}

impl Store {
    fn new(backend: Backend) -> Self {
        let database = TestDatabase::new(backend);
        let url = DatabaseUrl::parse("url", &database.url).unwrap();
        Database::migrate(&url).unwrap();
        let settings = PoolSettings { connections: 4, wait: Duration::from_secs(5) };
        let open = Database::connect(&url, settings).unwrap();
        let oidc_configs = OidcConfigs::new(open.clone(), ring(ENCRYPTION_KEY), Entropy::system());
        Self {
            backend,
            database,
            tenants: Tenants::new(open.clone()),
            oidc_configs,
            api_keys: ApiKeys::new(open.clone()),
            instance: Instance::new(open.clone()),
            open,
        }
    }

    /// With the instance's row, without which nothing that takes rights away can be told to the replicas.
    async fn with_instance(self) -> Self {
        self.instance.find_or_create(Entropy::system(), now(), ControlPolicies::Embedded).await.unwrap();
        self
    }

    async fn tenant(&self, name: &str) -> Tenant {
        let tenant = tenant(name);
        self.tenants.create(tenant.clone(), origin()).await.unwrap();
        tenant
    }

    async fn key(&self, scope: KeyScope, role: Role) -> ApiKeyId {
        let new = key(scope, role);
        let id = new.key.id;
        self.api_keys.create(new, origin()).await.unwrap();
        id
    }

    /// The events of this action, the newest first.
    async fn events(&self, action: &str) -> Vec<AuditEvent> {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        AuditEvents::new(self.open.clone()).list(None, filter, page(PageRequest::MOST, None)).await.unwrap().items
    }

    async fn epoch(&self) -> i64 {
        self.instance.authn_epoch().await.unwrap()
    }
}

fn ring(text: &str) -> Arc<KeyRing> {
    Arc::new(KeyRing::parse(&SecretString::from(text.to_owned())).unwrap())
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn origin() -> Origin {
    origin_at(now())
}

fn origin_at(at: Timestamp) -> Origin {
    Origin::by_system("test", "Test", at, &Entropy::system())
}

fn tenant(name: &str) -> Tenant {
    let at = now();
    let id = TenantId::new(Entropy::system().uuid_at(at));
    Tenant { id, name: Name::parse("name", name).unwrap(), created_at: at, updated_at: at }
}

fn key(scope: KeyScope, role: Role) -> NewApiKey {
    let material = KeyMaterial::generate(&Entropy::system(), now());
    let key = ApiKey {
        id: material.id(),
        scope,
        name: Name::parse("name", "key").unwrap(),
        roles: Roles::only(role),
        created_at: now(),
        created_by: "test".to_owned(),
        expires_at: None,
        suspended_at: None,
        last_used_at: None,
        previous_valid_until: None,
    };
    NewApiKey { key, digest: material.digest() }
}

fn draft(client_id: &str) -> OidcConfigDraft {
    OidcConfigDraft::parse("https://login.example.com", client_id, format!("secret of {client_id}"), None).unwrap()
}

fn page(limit: u16, after: Option<uuid::Uuid>) -> PageRequest {
    PageRequest { limit, after }
}

fn only_new() -> Precondition {
    Precondition { if_none_match: Some(Versions::Any), ..Precondition::default() }
}

/// Writes a test that runs on both databases, with fresh repositories.
macro_rules! contract {
    ($(async fn $name:ident($store:ident) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                async fn sentence($store: Store) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    sentence(Store::new(Backend::Sqlite).with_instance().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    sentence(Store::new(Backend::Postgres).with_instance().await).await;
                }
            }
        )+
    };
}

contract! {
    async fn a_tenant_comes_back_as_it_was_kept(store) {
        let kept = store.tenant("Ümlaut & Söhne 'GmbH' \"x\"; --").await;
        assert_eq!(store.tenants.find(kept.id).await.unwrap(), Some(kept.clone()));
        assert_eq!(store.tenants.find(tenant("other").id).await.unwrap(), None);
        let twice = store.tenants.create(Tenant { id: tenant("x").id, ..kept.clone() }, origin()).await;
        assert!(matches!(twice, Err(StoreError::Taken("name"))), "{twice:?}");
        let at = now() + TimeDelta::seconds(1);
        let renamed = store.tenants.rename(kept.id, Name::parse("name", "new").unwrap(), origin_at(at)).await.unwrap();
        assert_eq!((renamed.name.as_str(), renamed.updated_at, renamed.created_at), ("new", at, kept.created_at));
        assert_eq!(store.tenants.find(kept.id).await.unwrap(), Some(renamed));
        let other = store.tenant("other").await;
        let taken = store.tenants.rename(other.id, Name::parse("name", "new").unwrap(), origin_at(at)).await;
        assert!(matches!(taken, Err(StoreError::Taken("name"))), "{taken:?}");
        assert_eq!(store.tenants.find(other.id).await.unwrap(), Some(other));
        let missing = store.tenants.rename(tenant("x").id, Name::parse("name", "y").unwrap(), origin_at(at)).await;
        assert!(matches!(missing, Err(StoreError::Missing("tenant"))), "{missing:?}");
    }

    async fn of_many_that_want_a_name_one_gets_it(store) {
        let wanted: Vec<_> = (0..10).map(|_| {
            let (tenants, tenant) = (store.tenants.clone(), tenant("wanted"));
            tokio::spawn(async move { tenants.create(tenant, origin()).await })
        }).collect();
        let mut made = 0;
        for one in wanted {
            match one.await.unwrap() {
                Ok(()) => made += 1,
                Err(error) => assert!(matches!(error, StoreError::Taken("name")), "{error:?}"),
            }
        }
        assert_eq!(made, 1);
    }

    async fn lists_come_in_pages_without_gaps_or_repeats_and_in_the_order_of_ids(store) {
        let mut expected = Vec::new();
        for n in 0..7 {
            expected.push(store.tenant(&format!("tenant {n}")).await.id);
        }
        expected.sort();
        for limit in [1, 2, 3, 6, 7, 8, PageRequest::MOST] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let got = store.tenants.list(page(limit, after)).await.unwrap();
                assert!(got.items.len() <= usize::from(limit));
                found.extend(got.items.iter().map(|tenant| tenant.id));
                after = got.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{limit}");
        }
    }

    async fn deleting_a_tenant_takes_all_that_is_its_own_and_nothing_else(store) {
        let (one, two) = (store.tenant("one").await, store.tenant("two").await);
        for tenant in [&one, &two] {
            store.oidc_configs.upsert(tenant.id, draft("c"), Precondition::default(), origin()).await.unwrap();
        }
        let gone = store.key(KeyScope::Tenant(one.id), Role::Admin).await;
        let stays = store.key(KeyScope::Tenant(two.id), Role::Admin).await;
        let before = store.epoch().await;
        store.tenants.delete(one.id, origin()).await.unwrap();
        assert!(store.epoch().await > before);
        assert_eq!(store.tenants.find(one.id).await.unwrap(), None);
        assert!(store.oidc_configs.find(one.id).await.unwrap().is_none());
        assert!(store.api_keys.credential(gone).await.unwrap().is_none());
        assert!(store.oidc_configs.find(two.id).await.unwrap().is_some());
        assert!(store.api_keys.credential(stays).await.unwrap().is_some());
        assert!(matches!(store.tenants.delete(one.id, origin()).await, Err(StoreError::Missing("tenant"))));
        let orphan = store.api_keys.create(key(KeyScope::Tenant(one.id), Role::Admin), origin()).await;
        assert!(matches!(orphan, Err(StoreError::Missing("tenant"))), "{orphan:?}");
        let orphan = store.oidc_configs.upsert(one.id, draft("c"), Precondition::default(), origin()).await;
        assert!(matches!(orphan, Err(StoreError::Missing("tenant"))), "{orphan:?}");
        let nobodys = store.api_keys.list(KeyScope::Tenant(one.id), page(10, None)).await;
        assert!(matches!(nobodys, Err(StoreError::Missing("tenant"))), "{nobodys:?}");
    }

    async fn an_upsert_replaces_everything_but_id_and_creation(store) {
        let tenant = store.tenant("one").await;
        let first = store.oidc_configs.upsert(tenant.id, draft("first"), Precondition::default(), origin()).await.unwrap().config;
        let later = now() + TimeDelta::seconds(1);
        let second = store.oidc_configs.upsert(tenant.id, draft("second"), Precondition::default(), origin_at(later)).await.unwrap().config;
        assert_eq!((second.id, second.created_at), (first.id, first.created_at));
        assert_eq!((second.updated_at, second.client_id.as_str()), (later, "second"));
        assert_ne!(first.etag(), second.etag());
        assert_eq!(store.oidc_configs.find(tenant.id).await.unwrap(), Some(second));
        let secret = store.oidc_configs.client_secret(tenant.id).await.unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "secret of second");
        store.oidc_configs.delete(tenant.id, Precondition::default(), origin()).await.unwrap();
        assert!(store.oidc_configs.client_secret(tenant.id).await.unwrap().is_none());
        let again = store.oidc_configs.delete(tenant.id, Precondition::default(), origin()).await;
        assert!(matches!(again, Err(StoreError::Missing("OIDC configuration"))), "{again:?}");
    }

    async fn of_many_that_want_to_be_the_first_one_is(store) {
        let tenant = store.tenant("one").await;
        let writers: Vec<_> = (0..16).map(|n| {
            let configs = store.oidc_configs.clone();
            tokio::spawn(async move { configs.upsert(tenant.id, draft(&format!("c{n}")), only_new(), origin()).await })
        }).collect();
        let mut won = Vec::new();
        for writer in writers {
            match writer.await.unwrap() {
                Ok(config) => won.push(config),
                Err(error) => assert!(matches!(error, StoreError::Precondition), "{error:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(store.oidc_configs.find(tenant.id).await.unwrap(), won.pop().map(|stored| stored.config));
    }

    async fn of_many_that_change_the_version_they_have_seen_one_does(store) {
        let tenant = store.tenant("one").await;
        let seen = store.oidc_configs.upsert(tenant.id, draft("seen"), Precondition::default(), origin()).await.unwrap().config;
        let tag = seen.etag().as_str().to_owned();
        let writers: Vec<_> = (0..16).map(|n| {
            let (configs, tag) = (store.oidc_configs.clone(), tag.clone());
            let condition = Precondition { if_match: Some(Versions::Of(vec![tag])), ..Precondition::default() };
            tokio::spawn(async move { configs.upsert(tenant.id, draft(&format!("c{n}")), condition, origin()).await })
        }).collect();
        let mut won = Vec::new();
        for writer in writers {
            won.extend(writer.await.unwrap().ok());
        }
        assert_eq!(won.len(), 1);
        let stored = store.oidc_configs.find(tenant.id).await.unwrap().unwrap();
        let secret = store.oidc_configs.client_secret(tenant.id).await.unwrap().unwrap();
        assert_eq!(Some(&stored), won.first().map(|stored| &stored.config));
        assert_eq!(secret.expose_secret(), format!("secret of {}", stored.client_id), "row and secret are of one write");
        let stale = Precondition { if_match: Some(Versions::Of(vec![tag])), ..Precondition::default() };
        assert!(matches!(store.oidc_configs.delete(tenant.id, stale, origin()).await, Err(StoreError::Precondition)));
    }

    async fn a_sealed_row_that_was_copied_to_another_tenant_does_not_open(store) {
        let (one, two) = (store.tenant("one").await, store.tenant("two").await);
        for tenant in [&one, &two] {
            let client = tenant.name.as_str();
            store.oidc_configs.upsert(tenant.id, draft(client), Precondition::default(), origin()).await.unwrap();
        }
        let copy = format!(
            "UPDATE oidc_configs SET secret_sealed = (SELECT secret_sealed FROM oidc_configs WHERE tenant_id = '{}') \
             WHERE tenant_id = '{}'", one.id, two.id
        );
        store.database.raw().execute(&copy);
        let opened = store.oidc_configs.client_secret(two.id).await;
        assert!(matches!(opened, Err(StoreError::Damaged(_))), "a foreign secret opened");
        // The whole row, id included.
        store.oidc_configs.delete(two.id, Precondition::default(), origin()).await.unwrap();
        store.database.raw().execute(&format!("UPDATE oidc_configs SET tenant_id = '{}'", two.id));
        let opened = store.oidc_configs.client_secret(two.id).await;
        assert!(matches!(opened, Err(StoreError::Damaged(_))), "a foreign row opened");
        // Its owner can put things right, and nobody else noticed.
        store.oidc_configs.upsert(two.id, draft("mended"), Precondition::default(), origin()).await.unwrap();
        let opened = store.oidc_configs.client_secret(two.id).await.unwrap().unwrap();
        assert_eq!(opened.expose_secret(), "secret of mended");
    }

    async fn a_damaged_row_is_its_own_tenants_trouble_alone(store) {
        let (good, bad) = (store.tenant("good").await, store.tenant("bad").await);
        for tenant in [&good, &bad] {
            store.oidc_configs.upsert(tenant.id, draft("c"), Precondition::default(), origin()).await.unwrap();
        }
        let (fine, broken) = (store.key(KeyScope::Tenant(good.id), Role::Admin).await, store.key(KeyScope::Tenant(bad.id), Role::Admin).await);
        let last = store.tenant("last").await;
        let mut raw = store.database.raw();
        let odd = "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz";
        raw.execute(&format!("INSERT INTO tenants SELECT '{odd}', 'odd', created_at, updated_at FROM tenants WHERE name = 'bad'"));
        raw.execute(&format!("UPDATE oidc_configs SET secret_key_id = 'gone' WHERE tenant_id = '{}'", bad.id));
        if store.backend == Backend::Sqlite {
            // PostgreSQL keeps its types; in SQLite anything may stand anywhere.
            raw.execute(&format!("UPDATE tenants SET created_at = 'yesterday' WHERE id = '{}'", bad.id));
            raw.execute(&format!("UPDATE api_keys SET created_at = 'yesterday' WHERE id = '{broken}'"));
            raw.execute(&format!("UPDATE oidc_configs SET created_at = 'yesterday' WHERE tenant_id = '{}'", bad.id));
            assert!(matches!(store.tenants.find(bad.id).await, Err(StoreError::Damaged(_))));
            assert!(matches!(store.oidc_configs.find(bad.id).await, Err(StoreError::Damaged(_))));
            assert!(matches!(store.api_keys.credential(broken).await, Err(StoreError::Damaged(_))));
        }
        assert!(matches!(store.oidc_configs.client_secret(bad.id).await, Err(StoreError::Damaged(_))));
        assert!(store.oidc_configs.client_secret(good.id).await.unwrap().is_some());
        assert!(store.api_keys.credential(fine).await.unwrap().is_some());
        for limit in [1, 2, 10] {
            let (mut found, mut after) = (Vec::new(), None);
            for _page in 0..10 {
                let got = store.tenants.list(page(limit, after)).await.unwrap();
                found.extend(got.items.iter().map(|tenant| tenant.id));
                after = got.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(found.contains(&good.id) && found.contains(&last.id), "{limit}: {found:?}");
        }
        assert_eq!(store.api_keys.list(KeyScope::Tenant(good.id), page(10, None)).await.unwrap().items.len(), 1);
        let moved = reseal(&store.open, &ring(&format!("new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=,{ENCRYPTION_KEY}")), &Entropy::system(), &origin(), |_| {}).await.unwrap();
        assert_eq!((moved.moved, moved.failed.len()), (1, 1));
        store.tenants.delete(bad.id, origin()).await.unwrap();
    }

    async fn a_key_comes_back_as_it_was_kept_and_only_in_its_scope(store) {
        let (one, two) = (store.tenant("one").await, store.tenant("two").await);
        let mut new = key(KeyScope::Tenant(one.id), Role::Viewer);
        new.key.expires_at = Some(now() + TimeDelta::days(1));
        store.api_keys.create(new.clone(), origin()).await.unwrap();
        let id = new.key.id;
        assert_eq!(store.api_keys.find(KeyScope::Tenant(one.id), id).await.unwrap(), Some(new.key.clone()));
        for elsewhere in [KeyScope::Tenant(two.id), KeyScope::Instance] {
            assert_eq!(store.api_keys.find(elsewhere, id).await.unwrap(), None);
            assert!(store.api_keys.list(elsewhere, page(10, None)).await.unwrap().items.is_empty());
            assert!(matches!(store.api_keys.revoke(elsewhere, id, origin()).await, Err(StoreError::Missing(_))));
            assert!(matches!(store.api_keys.suspend(elsewhere, id, origin()).await, Err(StoreError::Missing(_))));
            let rotated = store.api_keys.rotate(elsewhere, id, new.digest.clone(), now(), origin()).await;
            assert!(matches!(rotated, Err(StoreError::Missing(_))));
        }
        let credential = store.api_keys.credential(id).await.unwrap().unwrap();
        assert!(credential.admits(&new.digest, now()));
        assert!(!credential.admits(&key(KeyScope::Instance, Role::Root).digest, now()));
        assert!(!credential.admits(&new.digest, now() + TimeDelta::days(2)));
        assert!(matches!(store.api_keys.create(new, origin()).await, Err(StoreError::Taken(_))));
    }

    async fn every_change_that_takes_a_right_away_moves_the_epoch_and_no_other_does(store) {
        let tenant = store.tenant("one").await;
        let scope = KeyScope::Tenant(tenant.id);
        let (id, other) = (store.key(scope, Role::Admin).await, key(scope, Role::Admin));
        let mut epoch = store.epoch().await;
        store.api_keys.touch(vec![(id, now())]).await.unwrap();
        store.tenants.rename(tenant.id, Name::parse("name", "x").unwrap(), origin()).await.unwrap();
        assert_eq!(store.epoch().await, epoch, "what takes no right away costs no replica its cache");
        let mut moved = async |what: &str| {
            let at = store.epoch().await;
            assert!(at > epoch, "{what}");
            epoch = at;
        };
        // A configuration says whose tokens are admitted; that an issuer is nobody's is remembered, too.
        store.oidc_configs.upsert(tenant.id, draft("c"), Precondition::default(), origin()).await.unwrap();
        moved("a configuration").await;
        store.oidc_configs.upsert(tenant.id, draft("d"), Precondition::default(), origin()).await.unwrap();
        moved("another configuration").await;
        store.oidc_configs.delete(tenant.id, Precondition::default(), origin()).await.unwrap();
        moved("no configuration").await;
        store.api_keys.rotate(scope, id, other.digest.clone(), now(), origin()).await.unwrap();
        moved("rotate").await;
        store.api_keys.suspend(scope, id, origin()).await.unwrap();
        moved("suspend").await;
        store.api_keys.resume(scope, id, origin()).await.unwrap();
        moved("resume").await;
        store.api_keys.revoke(scope, id, origin()).await.unwrap();
        moved("revoke").await;
        store.tenants.delete(tenant.id, origin()).await.unwrap();
        moved("delete").await;
    }

    async fn a_configuration_that_admits_nobody_else_costs_no_replica_its_cache(store) {
        let tenant = store.tenant("one").await;
        store.oidc_configs.upsert(tenant.id, draft("d"), Precondition::default(), origin()).await.unwrap();
        let epoch = store.epoch().await;
        let again = store.oidc_configs.upsert(tenant.id, draft("d"), Precondition::default(), origin()).await.unwrap();
        assert!(!again.admits_others);
        let scopes = Some(vec!["openid".to_owned()]);
        let scopes = OidcConfigDraft::parse("https://login.example.com", "d", "another".to_owned(), scopes).unwrap();
        store.oidc_configs.upsert(tenant.id, scopes, Precondition::default(), origin()).await.unwrap();
        let refused = store.oidc_configs.upsert(tenant.id, draft("e"), only_new(), origin()).await;
        assert!(matches!(refused, Err(StoreError::Precondition)), "{refused:?}");
        assert_eq!(store.epoch().await, epoch);
        let takes_id_tokens = draft("d").admitting(None, true).unwrap();
        store.oidc_configs.upsert(tenant.id, takes_id_tokens, Precondition::default(), origin()).await.unwrap();
        assert!(store.epoch().await > epoch);
    }

    async fn configurations_are_found_by_their_issuer_without_its_slash(store) {
        let (one, two) = (store.tenant("one").await, store.tenant("two").await);
        let of = async |key: &str| store.oidc_configs.of_issuer(key.to_owned()).await.unwrap();
        let key = "https://login.example.com";
        let with_slash = OidcConfigDraft::parse("https://login.example.com//", "d", "s".to_owned(), None).unwrap();
        let with_slash = with_slash.admitting(Some("api".to_owned()), true).unwrap();
        store.oidc_configs.upsert(one.id, draft("c"), Precondition::default(), origin()).await.unwrap();
        store.oidc_configs.upsert(two.id, with_slash, Precondition::default(), origin()).await.unwrap();
        let found = of(key).await;
        let mut expected = vec![
            TenantIssuer { tenant: one.id, client_id: "c".to_owned(), audience: None, accept_id_tokens: false },
            TenantIssuer { tenant: two.id, client_id: "d".to_owned(), audience: Some("api".to_owned()), accept_id_tokens: true },
        ];
        expected.sort_unstable_by_key(|issuer| issuer.tenant);
        assert_eq!(found, expected);
        // Whoever comes later to an audience of somebody else is told of it, once.
        let shared = || OidcConfigDraft::parse("https://login.example.com/", "api", "s".to_owned(), None).unwrap();
        for others in [vec![two.id], vec![]] {
            let stored = store.oidc_configs.upsert(one.id, shared(), Precondition::default(), origin()).await.unwrap();
            assert_eq!(stored.shared_with, others);
        }
        for other in ["https://login.example.com/", "https://login.example", "", "%"] {
            assert!(of(other).await.is_empty(), "{other}");
        }
        let all = store.oidc_configs.issuers().await.unwrap();
        assert!(all.len() == 2 && all.contains(&(two.id, "https://login.example.com//".to_owned())), "{all:?}");
        let elsewhere = OidcConfigDraft::parse("https://elsewhere.example", "c", "s".to_owned(), None).unwrap();
        store.oidc_configs.upsert(one.id, elsewhere, Precondition::default(), origin()).await.unwrap();
        store.tenants.delete(two.id, origin()).await.unwrap();
        assert!(of(key).await.is_empty());
    }

    async fn a_rotated_key_admits_its_old_secret_until_the_grace_is_over(store) {
        let old = key(KeyScope::Instance, Role::Pep);
        let (id, new) = (old.key.id, key(KeyScope::Instance, Role::Pep).digest);
        store.api_keys.create(old.clone(), origin()).await.unwrap();
        let until = now() + TimeDelta::hours(1);
        let record = store.api_keys.rotate(KeyScope::Instance, id, new.clone(), until, origin()).await.unwrap();
        assert_eq!(record.previous_valid_until, Some(until));
        let credential = store.api_keys.credential(id).await.unwrap().unwrap();
        assert!(credential.admits(&new, until) && credential.admits(&old.digest, now()));
        assert!(!credential.admits(&old.digest, until));
    }

    async fn last_used_times_move_only_forward(store) {
        let (id, untouched) = (store.key(KeyScope::Instance, Role::Pep).await, store.key(KeyScope::Instance, Role::Pep).await);
        let used = async |id| store.api_keys.find(KeyScope::Instance, id).await.unwrap().unwrap().last_used_at;
        let at = now();
        for (touched, expected) in [(at, at), (at - TimeDelta::minutes(5), at), (at + TimeDelta::minutes(5), at + TimeDelta::minutes(5))] {
            store.api_keys.touch(vec![(id, touched), (key(KeyScope::Instance, Role::Pep).key.id, touched)]).await.unwrap();
            assert_eq!(used(id).await, Some(expected));
        }
        assert_eq!(used(untouched).await, None);
    }

    async fn replicas_that_note_the_same_keys_at_once_do_not_lock_each_other_out(store) {
        let mut ids = Vec::new();
        for _ in 0..30 {
            ids.push(store.key(KeyScope::Instance, Role::Pep).await);
        }
        let writers: Vec<_> = (0..8).map(|n| {
            let (keys, mut ids) = (store.api_keys.clone(), ids.clone());
            if n % 2 == 0 {
                ids.reverse();
            }
            let at = now() + TimeDelta::minutes(n);
            tokio::spawn(async move { keys.touch(ids.into_iter().map(|id| (id, at)).collect()).await })
        }).collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
    }

    async fn the_last_root_key_that_works_cannot_be_taken_away(store) {
        let mut expired = key(KeyScope::Instance, Role::Root);
        expired.key.expires_at = Some(now() - TimeDelta::days(1));
        store.api_keys.create(expired.clone(), origin()).await.unwrap();
        let (one, two) = (store.key(KeyScope::Instance, Role::Root).await, store.key(KeyScope::Instance, Role::Root).await);
        store.key(KeyScope::Instance, Role::Pep).await;
        store.api_keys.suspend(KeyScope::Instance, two, origin()).await.unwrap();
        assert!(store.api_keys.is_last_root(one, now()).await.unwrap());
        assert!(!store.api_keys.is_last_root(two, now()).await.unwrap());
        let before = store.epoch().await;
        assert!(matches!(store.api_keys.revoke(KeyScope::Instance, one, origin()).await, Err(StoreError::LastRootKey)));
        let suspended = store.api_keys.suspend(KeyScope::Instance, one, origin()).await;
        assert!(matches!(suspended, Err(StoreError::LastRootKey)));
        assert_eq!(store.epoch().await, before, "what was refused was undone whole");
        assert!(store.api_keys.credential(one).await.unwrap().is_some());
        store.api_keys.revoke(KeyScope::Instance, expired.key.id, origin()).await.unwrap();
        store.api_keys.resume(KeyScope::Instance, two, origin()).await.unwrap();
        // Both at once: one of them stays.
        let (a, b) = tokio::join!(
            store.api_keys.revoke(KeyScope::Instance, one, origin()),
            store.api_keys.revoke(KeyScope::Instance, two, origin()),
        );
        assert_eq!([&a, &b].iter().filter(|outcome| outcome.is_ok()).count(), 1, "{a:?} {b:?}");
        assert!([a, b].into_iter().any(|outcome| matches!(outcome, Err(StoreError::LastRootKey))));
    }

    async fn a_root_key_is_ensured_once_and_never_comes_back_from_the_dead(store) {
        let (first, second) = (key(KeyScope::Instance, Role::Root), key(KeyScope::Instance, Role::Root));
        let ensure = async |new: &NewApiKey, preset| store.api_keys.ensure_root(new.clone(), preset, origin()).await.unwrap();
        assert_eq!(ensure(&first, false).await, RootKeyOutcome::Added);
        assert_eq!(ensure(&second, false).await, RootKeyOutcome::NotNeeded);
        assert_eq!(ensure(&first, true).await, RootKeyOutcome::Known);
        assert_eq!(ensure(&second, true).await, RootKeyOutcome::Added);
        let forged = NewApiKey { key: first.key.clone(), digest: second.digest.clone() };
        assert_eq!(ensure(&forged, true).await, RootKeyOutcome::Rotated);
        assert!(store.api_keys.credential(first.key.id).await.unwrap().is_some_and(|stored| stored.admits(&first.digest, now())));
        let lesser = key(KeyScope::Instance, Role::Viewer);
        store.api_keys.create(lesser.clone(), origin()).await.unwrap();
        assert_eq!(ensure(&lesser, true).await, RootKeyOutcome::Different);
        store.api_keys.revoke(KeyScope::Instance, first.key.id, origin()).await.unwrap();
        assert_eq!(ensure(&first, true).await, RootKeyOutcome::Revoked);
        assert_eq!(ensure(&forged, true).await, RootKeyOutcome::Revoked);
        assert!(store.api_keys.credential(first.key.id).await.unwrap().is_none());
    }

    async fn the_instance_is_made_once_whoever_comes_first(store) {
        store.database.raw().execute("DELETE FROM instance");
        let makers: Vec<_> = (0..8).map(|_| {
            let instance = store.instance.clone();
            tokio::spawn(async move { instance.find_or_create(Entropy::system(), now(), ControlPolicies::Folder).await })
        }).collect();
        let mut ids = BTreeSet::new();
        for maker in makers {
            ids.insert(maker.await.unwrap().unwrap().id.as_str().to_owned());
        }
        assert_eq!(ids.len(), 1);
        store.instance.remember(ControlPolicies::Embedded).await.unwrap();
        let found = store.instance.find_or_create(Entropy::system(), now(), ControlPolicies::Folder).await.unwrap();
        assert_eq!(found.control_policies, ControlPolicies::Embedded);
    }

    async fn reseal_moves_more_rows_than_fit_in_a_batch_while_others_write(store) {
        let mut tenants = Vec::new();
        for n in 0..120 {
            let tenant = store.tenant(&format!("tenant {n}")).await;
            store.oidc_configs.upsert(tenant.id, draft(&n.to_string()), Precondition::default(), origin()).await.unwrap();
            tenants.push(tenant.id);
        }
        assert_eq!(count_rows(&store.open).await.unwrap(), 120);
        let both = ring(&format!("new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=,{ENCRYPTION_KEY}"));
        let busy = OidcConfigs::new(store.open.clone(), Arc::clone(&both), Entropy::system());
        let (writer, written) = (busy.clone(), tenants.clone());
        let writing = tokio::spawn(async move {
            for tenant in written.iter().rev() {
                writer.upsert(*tenant, draft("rewritten"), Precondition::default(), origin()).await.unwrap();
            }
        });
        let mut looked_at = 0;
        let done = reseal(&store.open, &both, &Entropy::system(), &origin(), |rows| looked_at += rows).await.unwrap();
        writing.await.unwrap();
        assert_eq!((looked_at, done.moved + done.current, done.failed.len()), (120, 120, 0));
        assert_eq!(OidcConfigs::sealing_keys(&store.open).await.unwrap(), ["new"]);
        let resealed: Vec<_> = store.events("Test").await.into_iter().filter(|event| event.resource_type == "Instance").collect();
        assert_eq!(resealed.len(), 1, "one event stands for all batches");
        assert_eq!(resealed[0].changes["secret_key_id"]["to"], serde_json::json!(["new"]));
        for tenant in tenants {
            let secret = busy.client_secret(tenant).await.unwrap().unwrap();
            assert_eq!(secret.expose_secret(), "secret of rewritten", "an older secret was put over a newer one");
        }
    }

    async fn an_event_follows_the_one_that_it_comes_from_whatever_the_clocks_say(store) {
        let at = now();
        let kept = tenant("0");
        store.tenants.create(kept.clone(), origin_at(at)).await.unwrap();
        for (n, seconds) in [(1, -3600), (2, 0), (3, 60), (4, 30), (5, -1)] {
            let name = Name::parse("name", &n.to_string()).unwrap();
            let renamed = store.tenants.rename(kept.id, name, origin_at(at + TimeDelta::seconds(seconds))).await.unwrap();
            assert_eq!(renamed.name.as_str(), n.to_string());
        }
        let other = tenant("other");
        store.tenants.create(other.clone(), origin_at(at - TimeDelta::hours(1))).await.unwrap();
        let mut events = store.events("Test").await;
        events.reverse();
        assert_eq!(events.remove(0).tenant, Some(other.id), "only events about the same thing wait for one another");
        let names: Vec<_> = events.iter().map(|event| event.changes["name"]["to"].as_str().unwrap()).collect();
        assert_eq!(names, ["0", "1", "2", "3", "4", "5"]);
        let micros: Vec<_> = events.iter().map(|event| (event.at - at).num_microseconds().unwrap()).collect();
        assert_eq!(micros, [0, 1, 2, 60_000_000, 60_000_001, 60_000_002]);
        assert!(events.iter().all(|event| event.id.time() == event.at));
    }

    async fn an_origin_is_for_one_change(store) {
        let origin = origin();
        let (one, two) = (tenant("one"), tenant("two"));
        store.tenants.create(one, origin.clone()).await.unwrap();
        let again = store.tenants.create(two.clone(), origin.clone()).await;
        assert!(matches!(again, Err(StoreError::Failed(_))), "{again:?}");
        assert_eq!(store.tenants.find(two.id).await.unwrap(), None);
        assert_eq!(store.events("Test").await.len(), 1);
    }

    async fn migrations_go_down_and_up_again(store) {
        let backend = if store.backend == Backend::Sqlite { "sqlite" } else { "postgres" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(backend);
        let mut steps: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        steps.sort();
        let mut raw = store.database.raw();
        for step in steps.iter().rev() {
            raw.execute(&fs::read_to_string(step.join("down.sql")).unwrap());
        }
        let tables = match store.backend {
            Backend::Sqlite => "SELECT name AS value FROM sqlite_master WHERE name NOT LIKE 'sqlite%'",
            Backend::Postgres => "SELECT relname::text AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'S')",
        };
        let left: Vec<_> = raw.texts(tables).into_iter().filter(|name| !name.starts_with("__diesel")).collect();
        assert_eq!(left, Vec::<String>::new());
        raw.execute("DELETE FROM __diesel_schema_migrations");
        Database::migrate(&DatabaseUrl::parse("url", &store.database.url).unwrap()).unwrap();
        store.tenant("after").await;
    }
}
