//! The same for the store that guards Gatewood itself, as the guard maps calls.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use cedar_policy::{Authorizer, Entities, PolicySet};
use chrono::Duration;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::{Told, told};
use crate::decision::decide;
use crate::domain::{
    ApiKeyId, Call, Caller, Identity, InstanceId, KeyHolder, KeyScope, Name, RequestFacts, Role, Roles, StoreName,
    TenantId, Timestamp, User,
};
use crate::mapping::{Attribute, Mapped, Principals, Question, Resource, map};
use crate::policy::{Snapshot, SourceFile, StoreSource, load};

const ISSUER: &str = "https://login.example";

/// Policies of an operator, which look at what the shipped ones do not.
const MORE: &str = r#"
@id("group") permit (principal in Gatewood::Group::"https://login.example#ops", action, resource);
@id("own") permit (principal is Gatewood::ApiKey, action in Gatewood::Action::"administer", resource is Gatewood::ApiKeyRecord)
when { resource.own };
@id("address") forbid (principal, action, resource)
when { !context.request.ip.isLoopback() && context.request has user_agent && context.request.user_agent like "*bot*" };
@id("header") forbid (principal, action in Gatewood::Action::"read", resource in Gatewood::Tenant::"00000000-0000-0000-0000-000000000002")
unless { context has tenant && resource in context.tenant };
@id("shop") permit (principal, action == Gatewood::Action::"Evaluate", resource == Gatewood::Store::"shop")
when { principal has tenant && resource in principal.tenant };
@id("night") forbid (principal, action, resource)
when { context.now.toTime() < duration("1h") && principal in Gatewood::Role::"pep" };
"#;

/// The types that calls are about.
const RESOURCES: [&str; 6] = ["Instance", "OidcSettings", "Tenant", "OidcConfig", "ApiKeyRecord", "Store"];

/// How many inputs [`input`] knows of each action.
const INPUTS: usize = 4;

/// What the action's input is, beside what every call has: `chosen` is less than [`INPUTS`].
fn input(action: &str, chosen: usize) -> Vec<(&'static str, Attribute)> {
    let text = |text: &str| Attribute::Text(text.to_owned());
    let texts = |all: &[&str]| Attribute::Texts(all.iter().map(|text| (*text).to_owned()).collect());
    let issuer = || {
        Attribute::Record(vec![
            ("url", text("https://a.example")),
            ("scheme", text("https")),
            ("host", text("a.example")),
            ("path", text("/")),
        ])
    };
    let record = match action {
        "UpsertOidcConfig" => vec![
            ("issuer", issuer()),
            ("client_id", text("c")),
            ("scopes", texts(&["openid"])),
            ("accept_id_tokens", Attribute::Bool(false)),
        ],
        "CheckOidcConfig" if chosen == 0 => return Vec::new(),
        "CheckOidcConfig" => vec![("issuer", issuer())],
        "CreateApiKey" => {
            let roles: [&[&str]; 4] = [&[], &["viewer"], &["pep", "security"], &["root"]];
            vec![("name", text("n")), ("roles", texts(roles[chosen]))]
        }
        "RotateApiKey" => vec![("grace", Attribute::Duration(1000))],
        "CreateTenant" | "UpdateTenant" => vec![("name", text("n"))],
        "AddOidcSettings" | "UpdateOidcSettings" => {
            let hours = |hours: i64| Attribute::Duration(hours * 3_600_000);
            let (access, idle) = [(12, 24), (25, 24), (24, 49), (48, 480)][chosen];
            vec![
                ("access_token_lifetime", hours(access)),
                ("id_token_lifetime", hours(1)),
                ("refresh_token_idle_expiration", hours(idle)),
                ("refresh_token_expiration", hours(48)),
            ]
        }
        "RevokeApiKey" | "SuspendApiKey" => return vec![("last_root", Attribute::Bool(chosen == 0))],
        "SendMalformed" => {
            let problem = if chosen < 2 { "invalid_input" } else { "ambiguous_credentials" };
            return vec![("problem", text(problem))];
        }
        _ => return Vec::new(),
    };
    vec![("input", Attribute::Record(record))]
}

fn tenant() -> impl Strategy<Value = TenantId> {
    (1_u128..4).prop_map(|number| TenantId::new(Uuid::from_u128(number)))
}

fn key_id() -> impl Strategy<Value = ApiKeyId> {
    (1_u128..4).prop_map(|number| ApiKeyId::new(Uuid::from_u128(number)))
}

fn scope() -> impl Strategy<Value = KeyScope> {
    prop_oneof![Just(KeyScope::Instance), tenant().prop_map(KeyScope::Tenant)]
}

fn roles() -> impl Strategy<Value = Roles> {
    let all = [Role::Root, Role::Admin, Role::Editor, Role::Viewer, Role::Pep, Role::Security];
    let some = prop::collection::vec(select(all.to_vec()), 0..3);
    some.prop_map(|some| some.into_iter().fold(Roles::default(), |all, role| all.and(&Roles::only(role))).closure())
}

fn caller() -> impl Strategy<Value = Caller> {
    let key = (key_id(), scope(), roles()).prop_map(|(id, scope, roles)| {
        let name = Name::from_stored("key".to_owned());
        Caller::ApiKey(Arc::new(KeyHolder { id, name, scope, roles }))
    });
    let groups = prop::collection::vec(select(vec!["ops", "sales"]), 0..3);
    let user = (prop::option::of(tenant()), roles(), groups).prop_map(|(tenant, roles, groups)| {
        let mut identity = Identity::new(ISSUER, "somebody");
        identity.roles = roles;
        identity.groups = groups.into_iter().map(str::to_owned).collect();
        Caller::User(Arc::new(User::new(tenant, Arc::new(identity))))
    });
    prop_oneof![1 => Just(Caller::Anonymous), 2 => key, 2 => user]
}

fn call() -> impl Strategy<Value = Call> {
    let ip = select(vec![IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into()]);
    let agent = prop::option::of(select(vec!["curl", "robot"]));
    (caller(), prop::option::of(tenant()), ip, agent, 0_i64..48).prop_map(|(caller, tenant, ip, agent, hours)| Call {
        caller,
        tenant,
        request: RequestFacts {
            trace_id: None,
            began: Instant::now(),
            id: "r".to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            ip,
            user_agent: agent.map(str::to_owned),
            tls: false,
        },
        languages: Vec::new(),
        at: Timestamp::UNIX_EPOCH + Duration::minutes(hours * 30),
    })
}

/// Things of a type.
fn resource(of_type: &str) -> BoxedStrategy<Resource> {
    let store = || select(vec!["shop", "wiki"]).prop_map(|name| StoreName::parse("store", name).unwrap());
    match of_type {
        "Instance" => Just(Resource::Instance).boxed(),
        "OidcSettings" => Just(Resource::OidcSettings).boxed(),
        "Tenant" => tenant().prop_map(Resource::Tenant).boxed(),
        "OidcConfig" => tenant().prop_map(Resource::OidcConfig).boxed(),
        "ApiKeyRecord" => (key_id(), scope()).prop_map(|(id, scope)| Resource::ApiKeyRecord(id, scope)).boxed(),
        "Store" => (store(), prop::option::of(tenant())).prop_map(|(name, open)| Resource::Store(name, open)).boxed(),
        other => unreachable!("nothing is of type {other}"),
    }
}

/// The actions that apply to a type, by their names.
fn actions(snapshot: &Snapshot, of_type: &str) -> Vec<&'static str> {
    let types = snapshot.types();
    let of_type = types.find(&format!("Gatewood::{of_type}")).unwrap();
    let of_it = types.actions().filter(|action| action.resources().contains(&of_type));
    let mut names: Vec<&'static str> =
        of_it.map(|action| &*AsRef::<str>::as_ref(action.uid().eid()).to_owned().leak()).collect();
    names.sort_unstable();
    names
}

/// The engine with the whole store, and with the entities of a call.
fn reference(snapshot: &Snapshot, policies: &PolicySet, mapped: &Mapped) -> Told {
    let world = mapped.world(snapshot);
    let parties = [mapped.principal().line.first(), mapped.resource().line.first()];
    let parties =
        parties.into_iter().filter_map(|node| world.entity(node?)).map(|it| cedar_policy::Entity::from((*it).clone()));
    let actions = snapshot.schema().action_entities().unwrap();
    let entities = Entities::from_entities(parties.chain(actions), None).unwrap();
    let request = cedar_policy::Request::from(mapped.request.clone());
    let response = Authorizer::new().is_authorized(&request, policies, &entities);
    assert_eq!(response.diagnostics().errors().count(), 0);
    Told {
        allowed: response.decision() == cedar_policy::Decision::Allow,
        determining: response.diagnostics().reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect(),
        failed: BTreeSet::new(),
    }
}

/// The store, and the same policies for the engine.
fn store(more: &str) -> (Arc<Snapshot>, PolicySet) {
    let mut source = StoreSource::embedded_control_plane();
    if !more.is_empty() {
        source.policies.push(SourceFile::new("more.cedar", more));
    }
    let mut all = PolicySet::new();
    for file in &source.policies {
        let set: PolicySet = file.text.parse().unwrap();
        for policy in set.policies() {
            let id = cedar_policy::PolicyId::new(policy.annotation("id").unwrap());
            all.add(policy.new_id(id)).unwrap();
        }
    }
    (Arc::new(load(&source).unwrap_or_else(|findings| panic!("{findings}"))), all)
}

/// Asks for everything that can be asked, each with every input, of everybody in turn. The actions are gone through and
/// not drawn, so that the rarest of them is asked as often as the others. Notes which policies determined a decision.
fn ask_everything(snapshot: &Arc<Snapshot>, policies: &PolicySet, determining: &RefCell<BTreeSet<String>>) {
    let instance = InstanceId::from_stored("i".to_owned());
    let principals = Principals::default();
    let mut config = ProptestConfig::default();
    // By default 32 of each, some 4,500 in all.
    config.cases = config.cases.div_ceil(8);
    config.failure_persistence = None;
    for of_type in RESOURCES {
        let actions = actions(snapshot, of_type);
        for (action, chosen) in actions.iter().flat_map(|action| (0..INPUTS).map(move |chosen| (*action, chosen))) {
            let run = TestRunner::new(config.clone()).run(&(call(), resource(of_type)), |(call, resource)| {
                let question = Question { action, resource, context: input(action, chosen) };
                let mapped = map(snapshot, &principals, &instance, &call, question).unwrap();
                let ours = told(&decide(snapshot, &mapped, Uuid::nil()));
                determining.borrow_mut().extend(ours.determining.iter().cloned());
                prop_assert_eq!(ours, reference(snapshot, policies, &mapped));
                Ok(())
            });
            run.unwrap_or_else(|error| panic!("{action} with input {chosen}: {error}"));
        }
    }
}

#[test]
fn the_guards_decisions_are_the_engines_with_the_shipped_policies_and_with_more() {
    for more in ["", MORE] {
        let (snapshot, policies) = store(more);
        let determining = RefCell::default();
        let mut idle: BTreeSet<&str> = snapshot.policies().iter().map(|policy| policy.id.as_str()).collect();
        // One round does as a rule. What it did not draw says nothing against a policy that is seldom decisive.
        for _round in 0..50 {
            ask_everything(&snapshot, &policies, &determining);
            idle.retain(|id| !determining.borrow().contains(*id));
            if idle.is_empty() {
                break;
            }
        }
        assert!(idle.is_empty(), "these policies never determined anything: {idle:?}");
    }
}
