//! What gRPC itself has services for: health and reflection. They are tonic's own; that they may be
//! asked is decided by the policies, as for everything.

use std::convert::Infallible;

use tonic::body::Body;
use tonic_health::ServingStatus;
use tower::util::BoxCloneSyncService;

use crate::proto::DESCRIPTORS;

/// A service that is asked by name.
pub(super) type Named = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// What a public service tells, as an action.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tells {
    /// `ReadHealth`
    Health,
    /// `ReadReflection`
    Reflection,
}

/// A public service.
#[derive(Clone)]
pub(super) struct Public {
    /// `package.Service`
    pub(super) name: &'static str,
    pub(super) tells: Tells,
    pub(super) service: Named,
}

/// Health and both versions of reflection.
///
/// # Errors
/// When the descriptors do not fit together.
pub(super) async fn services() -> Result<Vec<Public>, String> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("zitadel.admin.v1.AdminService", ServingStatus::Serving).await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().map_err(|error| error.to_string())?;
    let v1alpha = reflection().build_v1alpha().map_err(|error| error.to_string())?;
    Ok(vec![
        Public { name: "grpc.health.v1.Health", tells: Tells::Health, service: named(health) },
        Public { name: "grpc.reflection.v1.ServerReflection", tells: Tells::Reflection, service: named(v1) },
        Public { name: "grpc.reflection.v1alpha.ServerReflection", tells: Tells::Reflection, service: named(v1alpha) },
    ])
}

fn named<S>(service: S) -> Named
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service)
}
