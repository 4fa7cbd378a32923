//! Reflection (<https://grpc.io/docs/guides/reflection/>). The services are tonic's own; that they may be
//! asked is decided by the policies, as for everything.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tonic::body::Body;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::proto::DESCRIPTORS;

/// A method of tonic's.
#[derive(Clone)]
pub(super) struct Reflection {
    /// `package.Service/Method`
    pub(super) name: &'static str,
    service: BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>,
}

impl Reflection {
    /// Both versions, for messages of at most `limit` bytes.
    ///
    /// # Errors
    /// When the descriptors do not fit together.
    pub(super) fn methods(limit: usize) -> Result<Vec<Self>, String> {
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let v1 = described().build_v1().map_err(|error| error.to_string())?;
        let v1alpha = described().build_v1alpha().map_err(|error| error.to_string())?;
        Ok(vec![
            Self {
                name: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                service: BoxCloneSyncService::new(v1.max_decoding_message_size(limit)),
            },
            Self {
                name: "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                service: BoxCloneSyncService::new(v1alpha.max_decoding_message_size(limit)),
            },
        ])
    }

    /// Answers. The client's questions end after `longest`, so that nobody keeps a stream for ever.
    pub(super) async fn answer(&self, request: http::Request<Body>, longest: Duration) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let questions = body.into_data_stream().take_until(tokio::time::sleep(longest));
        let body = Body::new(StreamBody::new(questions.map(|chunk| chunk.map(Frame::data))));
        let Ok(answer) = self.service.clone().oneshot(http::Request::from_parts(parts, body)).await;
        answer
    }
}
