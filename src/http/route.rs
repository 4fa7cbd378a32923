//! How a route comes into the table: with a method, a path and a handler of a permitted command.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, guard, web};

use super::body::Body;
use super::{Decode, Permitted, Problem, TenantHeader, fallback, grpc_web};
use crate::app::Rehearsal;
use crate::app::service::{self, ReadReflection, SeePolicyIds, SendMalformed, UseUnknownRoute};
use crate::policy::ActionUse;

/// One route.
#[derive(Clone)]
pub struct Route {
    /// Its method. A `GET` route answers `HEAD` too.
    pub method: Method,
    /// Its path, with `{name}` for a part that varies.
    pub path: &'static str,
    /// The action that its command is.
    pub action: ActionUse,
    /// What it does with the header `X-Tenant-ID`.
    pub tenant: TenantHeader,
    /// Whether it heeds `If-Match` and `If-None-Match`.
    pub conditional: bool,
    /// What it reads.
    pub body: Body,
    handler: Arc<dyn Fn() -> actix_web::Route + Send + Sync>,
    rehearse: fn(&Rehearsal) -> Result<(), String>,
}

/// The paths of the table, for the log and the metrics: a path is a label of theirs only where it is here.
pub(super) struct RoutePaths(BTreeSet<&'static str>);

impl RoutePaths {
    /// The path of the table that a request has met, whatever has answered it.
    pub(super) fn of(request: &HttpRequest) -> Option<&'static str> {
        let pattern = request.match_pattern()?;
        request.app_data::<Self>()?.0.get(pattern.as_str()).copied()
    }
}

/// The table of routes.
#[derive(Clone, Default)]
pub struct Routes(Vec<Route>);

macro_rules! method {
    ($name:ident, $method:ident) => {
        #[doc = concat!("Adds a `", stringify!($method), "` route.")]
        #[must_use]
        pub fn $name<C, F, Fut>(self, path: &'static str, handler: F) -> Self
        where
            C: Decode,
            F: Fn(Permitted<C>) -> Fut + Copy + Send + Sync + 'static,
            Fut: Future<Output = Result<HttpResponse, Problem>> + 'static,
        {
            self.with(Method::$method, path, handler)
        }
    };
}

impl Routes {
    method!(get, GET);
    method!(put, PUT);
    method!(post, POST);
    method!(patch, PATCH);
    method!(delete, DELETE);

    fn with<C, F, Fut>(mut self, method: Method, path: &'static str, handler: F) -> Self
    where
        C: Decode,
        F: Fn(Permitted<C>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<HttpResponse, Problem>> + 'static,
    {
        let matched = method.clone();
        let handler = move || {
            let same = guard::Any(guard::fn_guard({
                let matched = matched.clone();
                move |context| context.head().method == matched
            }));
            let method = if matched == Method::GET { same.or(guard::Head()) } else { same };
            web::route().guard(method).to(handler)
        };
        self.0.push(Route {
            method,
            path,
            action: C::ACTION,
            tenant: C::TENANT,
            conditional: C::CONDITIONAL,
            body: C::BODY,
            handler: Arc::new(handler),
            rehearse: Rehearsal::rehearse::<C>,
        });
        self
    }

    /// The routes, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// How the code uses each action, each once.
    #[must_use]
    pub fn actions(&self) -> Vec<ActionUse> {
        let mut actions: BTreeMap<&'static str, ActionUse> =
            self.iter().map(|route| (route.action.name, route.action)).collect();
        for action in service::WITHOUT_ROUTE {
            actions.insert(action.name, action);
        }
        actions.into_values().collect()
    }

    /// Asks the guard once for every route's example, as a start-up check: whatever does not fit the
    /// schema is found before the first request.
    ///
    /// # Errors
    /// What does not fit.
    pub fn rehearse(&self, rehearsal: &Rehearsal) -> Result<(), String> {
        rehearsal.rehearse::<SendMalformed>()?;
        rehearsal.rehearse::<UseUnknownRoute>()?;
        rehearsal.rehearse::<ReadReflection>()?;
        rehearsal.rehearse::<SeePolicyIds>()?;
        self.iter().try_for_each(|route| (route.rehearse)(rehearsal))
    }

    /// Puts the routes into a server, and what answers where there is none. A path that exists
    /// answers 405 to the methods that it has not. Without an [`HttpState`](super::HttpState) beside
    /// them, every route answers 500.
    pub fn register(&self, config: &mut web::ServiceConfig) {
        let mut by_path: BTreeMap<&'static str, Vec<&Route>> = BTreeMap::new();
        for route in &self.0 {
            by_path.entry(route.path).or_default().push(route);
        }
        config.app_data(RoutePaths(by_path.keys().copied().collect()));
        // The router tries one after the other, and those with parts that vary by regular expressions.
        let mut by_path: Vec<_> = by_path.into_iter().collect();
        by_path.sort_by_key(|(path, _)| path.contains('{'));
        for (path, routes) in by_path {
            let allowed = fallback::allow_header(routes.iter().map(|route| &route.method));
            let resource = routes.iter().fold(web::resource(path), |resource, route| resource.route((route.handler)()));
            let wrong_method = move |request| fallback::wrong_method(request, allowed.clone());
            config.service(resource.default_service(web::to(wrong_method)));
        }
        let grpc_web = web::resource(grpc_web::PATH).route(grpc_web::route());
        config.service(grpc_web.default_service(web::to(fallback::unknown_path)));
        config.default_service(web::to(fallback::unknown_path));
    }
}
