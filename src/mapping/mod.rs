//! A call into a Cedar principal, action, resource, context and entities.
//!
//! Total and deterministic: the same call gives the same request, and whatever does not fit the
//! schema is an error, never a request without the part that did not fit.

mod access;
mod attribute;
mod authzen;
mod conformance;
mod principal;
mod request;
mod resource;
mod search;
mod token;
mod vocabulary;
mod whole;

pub use access::{Refusal, native};
pub use attribute::Attribute;
pub use authzen::{AuthzenQuestion, authzen};
pub use principal::{Principals, principal_text};
pub use request::{Mapped, MappingError, Question, map};
pub use resource::Resource;
pub use search::{Found, Search, Sought};
pub use token::with_token;
