//! The API's description, made from the handlers.

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{OpenApi, openapi};

use super::body::Body;
use super::problem::{Details, ProblemBody};
use super::{Route, TenantHeader, api_keys, oidc_config, routes, service, tenants};

#[derive(OpenApi)]
#[openapi(
    info(title = "Gatewood", description = "A Cedar-policy authorization service: the control plane."),
    components(schemas(ProblemBody, Details)),
    paths(
        service::healthz::get,
        service::readyz::get,
        service::openapi::get,
        service::whoami::get,
        oidc_config::read::get,
        oidc_config::upsert::put,
        oidc_config::delete::delete,
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
    )
)]
struct Document;

/// This API's description: what the handlers say of themselves, with what the table of routes knows
/// of all of them (credentials, headers, and the answers that are no success).
#[must_use]
pub fn document() -> openapi::OpenApi {
    let mut document = Document::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = document.components.get_or_insert_default();
    let api_key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-API-Key", "An API key.")));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The same API key.")).build();
    components.add_security_scheme("api_key", api_key);
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for answer in ANSWERS {
        components.responses.insert(answer.name.to_owned(), answer.response().into());
    }
    for route in routes().iter() {
        let item = document.paths.paths.get_mut(route.path);
        if let Some(operation) = item.and_then(|item| operation_mut(item, route)) {
            complete(operation, route);
        }
    }
    document
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
            tenant.description(Some("The tenant whose keys are meant. A tenant's own keys must send it.")).build()
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
            parameters.push(RefOr::T(text_header(name).description(Some(description)).build()));
        }
    }
    operation.security = Some(vec![
        SecurityRequirement::default(),
        SecurityRequirement::new::<_, [&str; 0], &str>("api_key", []),
        SecurityRequirement::new::<_, [&str; 0], &str>("bearer", []),
    ]);
    for answer in ANSWERS.iter().filter(|answer| (answer.of)(route)) {
        let reference = Ref::from_response_name(answer.name);
        operation.responses.responses.insert(answer.status.to_owned(), RefOr::Ref(reference));
    }
}

fn header(name: &str, format: KnownFormat) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False).schema(Some(schema))
}

fn text_header(name: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::False).schema(Some(schema))
}

/// An answer that is no success, and the routes that give it.
struct Answer {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    of: fn(&Route) -> bool,
}

impl Answer {
    fn response(&self) -> Response {
        let schema = Ref::from_schema_name("Error");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(self.description).content("application/json", content).build()
    }
}

const ANSWERS: [Answer; 12] = [
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
        of: has_body,
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

fn is_conditional(route: &Route) -> bool {
    route.conditional
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
    fn an_operation_is_called_like_its_action() {
        let mut document = document();
        for route in routes().iter() {
            let item = document.paths.paths.get_mut(route.path).unwrap();
            let operation = operation_mut(item, route).unwrap();
            assert_eq!(operation.operation_id.as_deref(), Some(route.action.name));
        }
    }
}
