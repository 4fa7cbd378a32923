//! The API's description, made from the handlers.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{OpenApi, openapi};

use super::admin_dialect::{self, StatusBody, StatusDetail};
use super::body::Body;
use super::problem::{Details, ProblemBody};
use super::{
    Route, TenantHeader, api_keys, audit_events, authzen, decisions, oidc_config, oidc_settings, routes, service,
    stores, tenants,
};
use crate::app::Command;
use crate::app::oidc_check::CheckOidcConfig;

#[derive(OpenApi)]
#[openapi(
    info(title = "Gatewood", description = "A Cedar-policy authorization service: the control plane."),
    components(schemas(ProblemBody, Details, StatusBody, StatusDetail)),
    paths(
        service::healthz::get,
        service::readyz::get,
        service::metrics::get,
        service::openapi::get,
        service::whoami::get,
        oidc_config::read::get,
        oidc_config::upsert::put,
        oidc_config::delete::delete,
        oidc_config::check::post,
        oidc_settings::read::get,
        oidc_settings::add::post,
        oidc_settings::update::put,
        tenants::create::post,
        tenants::list::get,
        tenants::read::get,
        tenants::update::patch,
        tenants::delete::delete,
        api_keys::create::post,
        api_keys::list::get,
        api_keys::read::get,
        api_keys::revoke::delete,
        api_keys::rotate::post,
        api_keys::suspend::post,
        api_keys::resume::post,
        audit_events::list::get,
        stores::list::get,
        stores::read::get,
        stores::schema::get,
        stores::policies::get,
        stores::policy::get,
        stores::reload::post,
        stores::check::post,
        decisions::single::post,
        decisions::batch::post,
        decisions::with_token::post,
        authzen::evaluation::post,
        authzen::evaluations::post,
        authzen::search::subject::post,
        authzen::search::resource::post,
        authzen::search::action::post,
        authzen::metadata::get,
    )
)]
struct Document;

/// This API's description: what the handlers say of themselves, with what the table of routes knows
/// of all of them (credentials, headers, and the answers that are no success).
#[must_use]
pub fn document() -> openapi::OpenApi {
    const BEARER: &str = "The same API key, or a JWT of an issuer that is trusted by the instance or by a tenant.";
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_default();
    let api_key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-API-Key", "An API key.")));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER)).build();
    components.add_security_scheme("api_key", api_key);
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for answer in ANSWERS {
        for dialect in [Dialect::Usual, Dialect::Admin] {
            components.responses.insert(dialect.name(answer.name), answer.response(dialect).into());
        }
    }
    for route in routes().iter() {
        describe_of_a_store(&mut document.paths, route.path);
        let item = document.paths.paths.get_mut(route.path);
        if let Some(operation) = item.and_then(|item| operation_mut(item, route)) {
            name_the_store(operation);
            complete(operation, route);
        }
    }
    document
}

/// Says which names a store can have, wherever a path has one.
fn name_the_store(operation: &mut Operation) {
    const NAMES: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(store) = parameter
            && store.name == "store"
        {
            let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(NAMES));
            store.schema = Some(name.into());
        }
    }
}

/// What is asked of the default store is asked of another at a path with its name, by the same handler: the
/// description of the one is that of the other, with the store's name.
fn describe_of_a_store(paths: &mut openapi::Paths, path: &str) {
    const STORE: &str = "/stores/{store}";
    if paths.paths.contains_key(path) || !path.contains(STORE) {
        return;
    }
    let Some(mut item) = paths.paths.get(&path.replace(STORE, "")).cloned() else { return };
    for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
        let store = ParameterBuilder::new().name("store").parameter_in(ParameterIn::Path);
        let store = store.required(Required::True).description(Some("The store's name")).build();
        operation.parameters.get_or_insert_default().push(RefOr::T(store));
        operation.operation_id = operation.operation_id.take().map(|id| format!("{id}OfStore"));
    }
    paths.paths.insert(path.to_owned(), item);
}

/// The operation of a route.
fn operation_mut<'a>(item: &'a mut PathItem, route: &Route) -> Option<&'a mut Operation> {
    match route.method.as_str() {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

fn complete(operation: &mut Operation, route: &Route) {
    let parameters = operation.parameters.get_or_insert_default();
    let tenant = header("X-Tenant-ID", KnownFormat::Uuid);
    parameters.push(RefOr::T(match route.tenant {
        TenantHeader::Required => {
            tenant.required(Required::True).description(Some("The tenant that the call is about.")).build()
        }
        TenantHeader::RequiredOfTenants => {
            tenant.description(Some("The tenant whose things are meant. A tenant's own keys must send it.")).build()
        }
        TenantHeader::Optional => {
            tenant.description(Some("Must fit the caller and the path, when it is sent.")).build()
        }
    }));
    if route.conditional {
        for (name, description) in [
            ("If-Match", "Go on only if the stored version is one of these."),
            ("If-None-Match", "Go on only if the stored version is none of these."),
        ] {
            parameters.push(RefOr::T(entity_tags(name).description(Some(description)).build()));
        }
    }
    operation.security = Some(vec![
        SecurityRequirement::default(),
        SecurityRequirement::new::<_, [&str; 0], &str>("api_key", []),
        SecurityRequirement::new::<_, [&str; 0], &str>("bearer", []),
    ]);
    if let (Body::OptionalJson, Some(RefOr::T(body))) = (route.body, &mut operation.request_body) {
        body.required = Some(Required::False);
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            response.headers.extend(headers_of(status));
        }
    }
    for answer in ANSWERS.iter().filter(|answer| (answer.of)(route)) {
        let reference = Ref::from_response_name(Dialect::of(route).name(answer.name));
        operation.responses.responses.insert(answer.status.to_owned(), RefOr::Ref(reference));
    }
}

/// The headers that every answer with this status has.
fn headers_of(status: &str) -> impl Iterator<Item = (String, RefOr<Header>)> {
    const ID: (&str, &str) = ("X-Request-ID", "The id of the request, as the log knows it.");
    const NOTICE: (&str, &str) =
        ("Gatewood-Notice", "One for each notice of the policies that let the call through, percent-encoded.");
    let more = match status {
        "200" | "201" | "204" => Some(NOTICE),
        "401" => Some(("WWW-Authenticate", "How to present a credential.")),
        "405" => Some(("Allow", "The methods that the path has.")),
        "429" | "503" => Some(("Retry-After", "After how many seconds to try again.")),
        _ => None,
    };
    let text = |description| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(description))
            .build()
    };
    std::iter::once(ID).chain(more).map(move |(name, description)| (name.to_owned(), RefOr::T(text(description))))
}

fn header(name: &str, format: KnownFormat) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False).schema(Some(schema))
}

/// `*`, or a list of entity tags.
fn entity_tags(name: &str) -> ParameterBuilder {
    const TAGS: &str = r#"^(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*$"#;
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let schema = AnyOfBuilder::new().item(text().enum_values(Some(["*"]))).item(text().pattern(Some(TAGS)));
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False).schema(Some(schema))
}

/// An answer that is no success, and the routes that give it.
struct Answer {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    of: fn(&Route) -> bool,
}

/// How what is no success is written.
#[derive(Clone, Copy)]
enum Dialect {
    Usual,
    Admin,
}

impl Dialect {
    fn of(route: &Route) -> Self {
        if admin_dialect::is_spoken_at(route.path) { Self::Admin } else { Self::Usual }
    }

    /// The name of an answer in this dialect.
    fn name(self, answer: &str) -> String {
        match self {
            Self::Usual => answer.to_owned(),
            Self::Admin => format!("Admin{answer}"),
        }
    }

    const fn schema(self) -> &'static str {
        match self {
            Self::Usual => "Error",
            Self::Admin => "Status",
        }
    }
}

impl Answer {
    fn response(&self, dialect: Dialect) -> Response {
        let schema = Ref::from_schema_name(dialect.schema());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let mut response =
            ResponseBuilder::new().description(self.description).content("application/json", content).build();
        response.headers.extend(headers_of(self.status));
        response
    }
}

const ANSWERS: [Answer; 13] = [
    Answer {
        status: "400",
        name: "InvalidInput",
        description: "Something that was sent breaks a rule: `invalid_input`",
        of: any,
    },
    Answer {
        status: "401",
        name: "Unauthenticated",
        description: "No credential, or one that is no good: `unauthenticated`",
        of: any,
    },
    Answer {
        status: "403",
        name: "Forbidden",
        description: "The policies do not allow it: `forbidden`, `tenant_mismatch`, or what the policy says",
        of: any,
    },
    Answer { status: "404", name: "NotFound", description: "It is not there: `not_found`", of: any },
    Answer {
        status: "405",
        name: "MethodNotAllowed",
        description: "The path has other methods: `method_not_allowed`",
        of: none,
    },
    Answer { status: "406", name: "NotAcceptable", description: "`Accept` rules JSON out: `not_acceptable`", of: any },
    Answer {
        status: "408",
        name: "RequestTimeout",
        description: "The body did not arrive in time: `request_timeout`",
        of: has_body,
    },
    Answer {
        status: "412",
        name: "PreconditionFailed",
        description: "What is stored is another version: `precondition_failed`",
        of: is_conditional,
    },
    Answer {
        status: "413",
        name: "PayloadTooLarge",
        description: "The body is too large: `payload_too_large`",
        of: has_body,
    },
    Answer {
        status: "415",
        name: "UnsupportedMediaType",
        description: "The body is not JSON: `unsupported_media_type`",
        of: minds_media_type,
    },
    Answer {
        status: "429",
        name: "RateLimited",
        description: "The tenant has had it done too often: `rate_limited`, with `Retry-After`",
        of: is_limited,
    },
    Answer { status: "500", name: "Internal", description: "The service failed: `internal`", of: any },
    Answer {
        status: "503",
        name: "Unavailable",
        description: "The database is away: `unavailable`, with `Retry-After`",
        of: any,
    },
];

fn any(_route: &Route) -> bool {
    true
}

fn none(_route: &Route) -> bool {
    false
}

fn has_body(route: &Route) -> bool {
    route.body != Body::None
}

fn minds_media_type(route: &Route) -> bool {
    has_body(route) && route.body != Body::Access
}

fn is_conditional(route: &Route) -> bool {
    route.conditional
}

fn is_limited(route: &Route) -> bool {
    route.action.name == CheckOidcConfig::ACTION.name
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::authn::issuers::Step;
    use crate::domain::{AuditFilter, Invalid, Name, OidcConfigDraft, Role, StoreName};

    #[test]
    fn the_description_has_exactly_the_routes_that_there_are() {
        let mut described = BTreeSet::new();
        for (path, item) in &document().paths.paths {
            let item = serde_json::to_value(item).unwrap();
            for method in item.as_object().unwrap().keys() {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let registered: BTreeSet<String> =
            routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, registered);
    }

    #[test]
    fn an_operation_is_called_like_its_action_where_it_is_the_only_one() {
        let mut document = document();
        let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let routes = routes();
        for route in routes.iter() {
            let item = document.paths.paths.get_mut(route.path).unwrap();
            let operation = operation_mut(item, route).unwrap();
            names.entry(operation.operation_id.clone().unwrap()).or_default().push(route.action.name);
        }
        for route in routes.iter() {
            let of_action = |actions: &&Vec<&str>| actions.contains(&route.action.name);
            let only = names.values().filter(of_action).count() == 1;
            assert!(!only || names.contains_key(route.action.name), "{}", route.action.name);
        }
        assert!(names.values().all(|actions| actions.len() == 1), "{names:?}");
    }

    #[test]
    fn what_is_asked_of_a_store_by_its_name_is_described_as_what_is_asked_of_the_default_one() {
        let document = serde_json::to_value(document()).unwrap();
        for path in ["/stores/{store}/access/v1/evaluation", "/v1/stores/{store}/is-authorized/batch"] {
            let named = &document["paths"][path]["post"];
            let default = &document["paths"][path.replace("/stores/{store}", "")]["post"];
            assert_eq!(named["requestBody"], default["requestBody"]);
            assert_ne!(named["operationId"], default["operationId"]);
            let parameters = |operation: &serde_json::Value| {
                let each = operation["parameters"].as_array().unwrap().iter().map(|it| it["name"].to_string());
                each.collect::<BTreeSet<_>>()
            };
            let more: Vec<_> = parameters(named).difference(&parameters(default)).cloned().collect();
            assert_eq!(more, ["\"store\""]);
        }
    }

    #[test]
    fn a_text_that_fits_its_pattern_is_accepted() {
        let document = serde_json::to_value(document()).unwrap();
        let schemas = &document["components"]["schemas"];
        let draft = |issuer: &str, client_id: &str, scope: &str| {
            OidcConfigDraft::parse(issuer, client_id, "s".to_owned(), Some(vec![scope.to_owned()])).map(drop)
        };
        accepts_all(&schemas["Name"]["pattern"], |text| Name::parse("name", text).map(drop));
        for (path, method) in [("/v1/stores/{store}", "get"), ("/stores/{store}/access/v1/evaluation", "post")] {
            let store = &document["paths"][path][method]["parameters"];
            let store = store.as_array().unwrap().iter().find(|parameter| parameter["name"] == "store").unwrap();
            accepts_all(&store["schema"]["pattern"], |text| StoreName::parse("store", text).map(drop));
        }
        for input in ["OidcConfigInput", "OidcConfigCheckInput"] {
            let fields = &schemas[input]["properties"];
            let pattern = |field: &serde_json::Value| {
                let name = field["$ref"].as_str().unwrap().trim_start_matches("#/components/schemas/");
                schemas[name]["pattern"].clone()
            };
            accepts_all(&pattern(&fields["issuer_url"]), |text| draft(text, "c", "s"));
            accepts_all(&pattern(&fields["client_id"]), |text| draft("https://h", text, "s"));
            accepts_all(&pattern(&fields["scopes"]["items"]), |text| draft("https://h", "c", text));
        }
        let parameters = document["paths"]["/v1/audit-events"]["get"]["parameters"].as_array().unwrap();
        for name in ["action", "actor", "resource_type", "resource_id"] {
            let described = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
            let read = |text: &str| AuditFilter::parse(|asked| (asked == name).then_some(text)).map(drop);
            accepts_all(&described["schema"]["pattern"], read);
        }
    }

    fn accepts_all(pattern: &serde_json::Value, read: impl Fn(&str) -> Result<(), Invalid>) {
        let pattern = pattern.as_str().unwrap().trim_start_matches('^').trim_end_matches('$');
        let texts = proptest::string::string_regex(pattern).unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..300 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            read(&text).unwrap();
        }
    }

    #[test]
    fn a_check_is_described_with_the_names_of_its_steps_and_its_limit() {
        let document = serde_json::to_value(document()).unwrap();
        let schemas = &document["components"]["schemas"];
        let name = &schemas["OidcConfigCheckStep"]["properties"]["name"];
        let described: Vec<&str> = name["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(described, Step::ALL.map(Step::name));
        assert_eq!(schemas["OidcConfigCheckInput"]["required"], serde_json::json!(["issuer_url"]));
        assert!(schemas["OidcConfigCheckInput"]["properties"]["accept_id_tokens"].is_object());
        let limited = |path: &str| document["paths"][path]["post"]["responses"]["429"].is_object();
        assert!(limited("/v1/oidc-config/check") && !limited("/v1/tenants"));
    }

    #[test]
    fn the_roles_that_a_key_can_have_are_all_described() {
        let document = serde_json::to_value(document()).unwrap();
        let roles = &document["components"]["schemas"]["ApiKeyInput"]["properties"]["roles"];
        let names = Role::ALL.map(Role::as_str).join("|");
        assert_eq!(roles["items"]["pattern"], format!("^({names})$"));
        assert_eq!(roles["uniqueItems"], true);
    }

    #[test]
    fn every_answer_says_that_it_has_the_request_id() {
        let document = serde_json::to_value(document()).unwrap();
        let operations =
            document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        let answers = operations.flat_map(|operation| operation["responses"].as_object().unwrap().values());
        for answer in answers
            .filter(|answer| answer["$ref"].is_null())
            .chain(document["components"]["responses"].as_object().unwrap().values())
        {
            assert!(answer["headers"]["X-Request-ID"].is_object(), "{answer}");
        }
    }
}
