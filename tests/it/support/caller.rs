//! Callers with names: `app.anonymous()`, `app.root()`, `app.key(&tenant, "viewer")`.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Answer, eventually};

/// Somebody who calls a server.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) headers: HeaderMap,
}

impl Caller {
    /// The same caller with one more header (or with another value of it).
    pub(crate) fn with(&self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let mut caller = self.clone();
        caller.headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_ref()).unwrap());
        caller
    }

    /// The same caller, calling about a tenant.
    pub(crate) fn about(&self, tenant: impl AsRef<str>) -> Self {
        self.with("x-tenant-id", tenant.as_ref())
    }

    /// The headers that it sends with everything.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The same caller without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.remove(name);
        caller
    }

    /// Waits until a request holds the one connection that writes. The caller must be one who may read metrics.
    pub(crate) async fn until_somebody_writes(&self) {
        let writing = "gatewood_database_connections{pool=\"write\",state=\"in_use\"} 1\n";
        let metrics = async || self.get("/metrics").send().await.expect(200).text;
        eventually("somebody writes", metrics, |text| text.contains(writing)).await;
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub(crate) fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        Request(self.client.request(method, format!("{}{path}", self.base)).headers(self.headers.clone()))
    }
}

/// A request that is being put together.
pub(crate) struct Request(reqwest::RequestBuilder);

impl Request {
    /// Adds a header, beside those of the same name.
    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self(self.0.header(name, HeaderValue::from_bytes(value.as_ref()).unwrap()))
    }

    /// Sends JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sends bytes, saying that they are JSON.
    pub(crate) fn raw_json(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", "application/json").body(body))
    }

    /// Sends bytes, saying nothing of them.
    pub(crate) fn raw(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// Sends the request and reads the answer whole.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// The same, where there may be no answer.
    pub(crate) async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }
}
