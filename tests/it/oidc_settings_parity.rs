//! One table of cases through JSON, gRPC and gRPC-Web: the same answers, codes and notices.

use crate::support::{Ask, Backend, Caller, Said, Sent, TestServer, Wire};

const DAY: Sent = Some((86_400, 0));
const MONTH: Sent = Some((30 * 86_400, 0));
const HALF: Sent = Some((43_200, 500_000_000));
const GOOD: [Sent; 4] = [DAY, HALF, MONTH, MONTH];

/// Who asks what, and the code that is the right answer.
struct Case {
    title: &'static str,
    caller: fn(&Callers) -> &Caller,
    ask: Ask,
    code: i32,
    /// The id of the error.
    id: &'static str,
    /// How many notices the denial has, and how many policy ids.
    told: Option<(usize, usize)>,
}

const fn case(title: &'static str, caller: fn(&Callers) -> &Caller, ask: Ask, code: i32, id: &'static str) -> Case {
    Case { title, caller, ask, code, id, told: None }
}

const fn denied(
    title: &'static str,
    caller: fn(&Callers) -> &Caller,
    ask: Ask,
    id: &'static str,
    told: (usize, usize),
) -> Case {
    Case { title, caller, ask, code: 7, id, told: Some(told) }
}

struct Callers {
    anonymous: Caller,
    bad_key: Caller,
    two_keys: Caller,
    bad_tenant: Caller,
    root: Caller,
    viewer: Caller,
    viewer_elsewhere: Caller,
    editor: Caller,
    security: Caller,
    admin: Caller,
    pep: Caller,
}

const fn first(sent: Sent) -> [Sent; 4] {
    [sent, HALF, MONTH, MONTH]
}

/// In this order, because each finds what those before it left.
const CASES: [Case; 35] = [
    case("a stranger reads", |c| &c.anonymous, Ask::Get, 16, "unauthenticated"),
    case("a stranger adds nonsense", |c| &c.anonymous, Ask::Add([None; 4]), 16, "unauthenticated"),
    case("a bad key reads", |c| &c.bad_key, Ask::Get, 16, "unauthenticated"),
    case("two credentials at once", |c| &c.two_keys, Ask::Get, 3, "invalid_input"),
    case("no UUID in X-Tenant-ID", |c| &c.bad_tenant, Ask::Get, 3, "invalid_input"),
    case("nothing to read yet", |c| &c.root, Ask::Get, 5, "not_found"),
    case("nothing to update yet", |c| &c.root, Ask::Update(GOOD), 5, "not_found"),
    case("nothing set", |c| &c.root, Ask::Add([None; 4]), 3, "invalid_input"),
    case("the first missing", |c| &c.root, Ask::Add([None, HALF, MONTH, MONTH]), 3, "invalid_input"),
    case("the second missing", |c| &c.root, Ask::Add([DAY, None, MONTH, MONTH]), 3, "invalid_input"),
    case("the third missing", |c| &c.root, Ask::Add([DAY, HALF, None, MONTH]), 3, "invalid_input"),
    case("the fourth missing", |c| &c.root, Ask::Add([DAY, HALF, MONTH, None]), 3, "invalid_input"),
    case("zero", |c| &c.root, Ask::Add(first(Some((0, 0)))), 3, "invalid_input"),
    case("negative", |c| &c.root, Ask::Add(first(Some((-1, 0)))), 3, "invalid_input"),
    case("longer than a duration can be", |c| &c.root, Ask::Add(first(Some((315_576_000_001, 0)))), 3, "invalid_input"),
    case("the largest number", |c| &c.root, Ask::Add(first(Some((i64::MAX, 0)))), 3, "invalid_input"),
    denied("a viewer adds", |c| &c.viewer, Ask::Add(GOOD), "forbidden", (0, 0)),
    denied("an editor adds", |c| &c.editor, Ask::Add(GOOD), "forbidden", (0, 0)),
    denied("a tenant's admin adds", |c| &c.admin, Ask::Add(GOOD), "forbidden", (0, 0)),
    denied("a nanosecond above a day", |c| &c.root, Ask::Add(first(Some((86_400, 1)))), "lifetime_not_allowed", (1, 1)),
    denied(
        "both guardrails at once",
        |c| &c.root,
        Ask::Update([Some((90_000, 0)), HALF, MONTH, DAY]),
        "lifetime_not_allowed",
        (2, 2),
    ),
    denied(
        "a viewer is not told the ids",
        |c| &c.viewer,
        Ask::Add(first(Some((90_000, 0)))),
        "lifetime_not_allowed",
        (1, 0),
    ),
    denied(
        "security is told the ids",
        |c| &c.security,
        Ask::Add(first(Some((90_000, 0)))),
        "lifetime_not_allowed",
        (1, 1),
    ),
    denied("a viewer about another tenant", |c| &c.viewer_elsewhere, Ask::Get, "tenant_mismatch", (1, 0)),
    denied("a pep reads", |c| &c.pep, Ask::Get, "forbidden", (0, 0)),
    case("root adds", |c| &c.root, Ask::Add(GOOD), 0, ""),
    case("root adds again", |c| &c.root, Ask::Add(GOOD), 6, "conflict"),
    case("root adds others", |c| &c.root, Ask::Add(first(HALF)), 6, "conflict"),
    case("root reads", |c| &c.root, Ask::Get, 0, ""),
    case("a viewer reads", |c| &c.viewer, Ask::Get, 0, ""),
    case("nothing would change", |c| &c.root, Ask::Update(GOOD), 9, "unchanged"),
    case("a second and a nanosecond", |c| &c.root, Ask::Update(first(Some((1, 1)))), 0, ""),
    case("and back", |c| &c.root, Ask::Update(GOOD), 0, ""),
    denied("a tenant's admin updates", |c| &c.admin, Ask::Update(first(HALF)), "forbidden", (0, 0)),
    case("root reads what it wrote", |c| &c.root, Ask::Get, 0, ""),
];

async fn answers(backend: Backend, wire: Wire) -> Vec<Said> {
    let app = TestServer::start(backend).await;
    let (a, b) = (app.tenant("A").await, app.tenant("B").await);
    let callers = Callers {
        anonymous: app.anonymous(),
        bad_key: app.with_key("gwk_nonsense"),
        two_keys: app.root().with("authorization", "Bearer gwk_nonsense"),
        bad_tenant: app.root().about("x"),
        root: app.root(),
        viewer: app.key(&a, "viewer").await,
        viewer_elsewhere: app.key(&a, "viewer").await.about(&b),
        editor: app.key(&a, "editor").await,
        security: app.key(&a, "security").await,
        admin: app.key(&a, "admin").await,
        pep: app.key(&a, "pep").await,
    };
    let mut said = Vec::new();
    for case in &CASES {
        said.push(app.ask(wire, (case.caller)(&callers), case.ask).await);
    }
    said
}

async fn every_wire_says_the_same(backend: Backend) {
    let json = answers(backend, Wire::Json).await;
    for (case, said) in CASES.iter().zip(&json) {
        assert_eq!(said.code, case.code, "{}: {said:#?}", case.title);
        assert_eq!(said.id.as_deref().unwrap_or_default(), case.id, "{}: {said:#?}", case.title);
        let counts = said.notices.as_ref().zip(said.policies.as_ref());
        assert_eq!(counts.map(|(n, p)| (n.len(), p.len())), case.told, "{}: {said:#?}", case.title);
    }
    let last = json.last().unwrap();
    assert_eq!(last.sequence, Some(3));
    assert_eq!(last.lifetimes, ["86400s", "43200.500s", "2592000s", "2592000s"]);
    for wire in Wire::ALL {
        let others = answers(backend, wire).await;
        for ((case, said), other) in CASES.iter().zip(&json).zip(&others) {
            assert_eq!(other, said, "{}, {wire:?}", case.title);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wire_says_the_same_on_sqlite() {
    every_wire_says_the_same(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wire_says_the_same_on_postgres() {
    every_wire_says_the_same(Backend::Postgres).await;
}
