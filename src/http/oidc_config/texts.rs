//! The texts of a configuration that is sent. Only these descriptions are used; the texts are read as they come and
//! checked by the domain.

use utoipa::ToSchema;

/// An absolute `https` URL with a host and without credentials, query or fragment; `http` for loopback hosts.
#[derive(ToSchema)]
#[schema(
    as = IssuerUrl,
    pattern = "^(https://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?|http://(localhost|127\\.0\\.0\\.1|\\[::1\\]))(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_~-]+)*/?$",
    max_length = 2048,
    example = "https://login.example.com"
)]
pub(super) struct IssuerUrlSchema(#[expect(dead_code, reason = "it is the description that is of use")] String);

/// Printable characters.
#[derive(ToSchema)]
#[schema(
    as = Printable,
    min_length = 1,
    max_length = 255,
    pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\u{e0000}-\u{e0fff}]+$"
)]
pub(super) struct PrintableSchema(#[expect(dead_code, reason = "it is the description that is of use")] String);

/// A scope-token (RFC 6749, section 3.3).
#[derive(ToSchema)]
#[schema(as = Scope, min_length = 1, max_length = 255, pattern = "^[!#-\\[\\]-~]+$")]
pub(super) struct ScopeSchema(#[expect(dead_code, reason = "it is the description that is of use")] String);
