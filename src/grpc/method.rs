//! How a method comes into the table: with its name and a handler of a permitted command.

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tonic::body::Body;

use super::call::{self, FromMessage, Permitted};
use super::incoming::GrpcRequest;
use super::service::State;
use crate::app::Rehearsal;
use crate::policy::ActionUse;
use crate::transport::Problem;

type Handler =
    dyn Fn(Arc<State>, Arc<GrpcRequest>, http::Request<Body>) -> BoxFuture<'static, http::Response<Body>> + Send + Sync;

/// One method.
#[derive(Clone)]
pub struct Method {
    /// `package.Service/Method`.
    pub name: &'static str,
    /// The action that its command is.
    pub action: ActionUse,
    pub(super) handler: Arc<Handler>,
    rehearse: fn(&Rehearsal) -> Result<(), String>,
}

/// The table of methods.
#[derive(Clone, Default)]
pub struct Methods(Vec<Method>);

impl Methods {
    /// Adds a method with one message each way.
    #[must_use]
    pub fn unary<C, R, F, Fut>(mut self, name: &'static str, handler: F) -> Self
    where
        C: FromMessage,
        R: prost::Message + 'static,
        F: Fn(Permitted<C>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Problem>> + Send + 'static,
    {
        let handler = Arc::new(move |state, incoming, request| {
            call::serve::<C, R, F, Fut>(state, name, incoming, request, handler).boxed()
        });
        self.0.push(Method { name, action: C::ACTION, handler, rehearse: Rehearsal::rehearse::<C> });
        self
    }

    /// The methods, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter()
    }

    /// How the code uses the actions of the methods.
    pub fn actions(&self) -> impl Iterator<Item = ActionUse> {
        self.iter().map(|method| method.action)
    }

    /// Asks the guard once for every method's example, as for routes.
    ///
    /// # Errors
    /// What does not fit.
    pub fn rehearse(&self, rehearsal: &Rehearsal) -> Result<(), String> {
        self.iter().try_for_each(|method| (method.rehearse)(rehearsal))
    }

    /// Whether there is a method of this service, or `service` is empty, which means all of them.
    pub(super) fn has_service(&self, service: &str) -> bool {
        service.is_empty() || self.iter().any(|method| method.name.split_once('/').is_some_and(|(of, _)| of == service))
    }

    /// The method at a path, `/package.Service/Method`.
    pub(super) fn find(&self, path: &str) -> Option<&Method> {
        let name = path.strip_prefix('/')?;
        self.0.iter().find(|method| method.name == name)
    }
}
