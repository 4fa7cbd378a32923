//! JSON into Cedar values, by the types of a schema.
//!
//! What is read is Cedar's JSON as the engine reads it with a schema, and more:
//!
//! | where the schema has | Cedar's JSON | also |
//! |---|---|---|
//! | an entity | `{"type", "id"}`, `{"__entity": {"type", "id"}}` | a string, `Ns::User::"alice"`; a type without a namespace in the default namespace |
//! | `datetime` | `"2024-01-31"`, `"2024-01-31T09:30:00Z"`, `.123Z`, `+0100` | RFC 3339 with any offset and any fraction, of which what is below a millisecond is cut off |
//! | an extension type | a string, `{"fn", "arg"}`, `{"fn", "args"}`, either in `{"__extn": ..}`; `fn` is any function that gives this type, and its arguments are read by their types | |
//!
//! What the engine takes and this does not: a name that stands twice in an object, members that
//! mean nothing beside those of the forms above, an array in place of `{"type", "id"}` or of
//! `{"fn", "arg"}`, a call where the schema has a `Long` or a `Bool`, and `unknown`.
//!
//! Reading is linear in the JSON. Nothing is allocated but what the values need, until something
//! does not fit.

mod entity;
mod extension;
mod json;
mod path;
mod read;
mod reference;
mod shape;
mod types;

#[cfg(test)]
mod tests;

pub use entity::{ActionRead, EntityRead, Listed};
pub use extension::Extension;
pub use json::{Item, Json, Unreadable, offset_at};
pub use read::{Missing, Reader, Unknown};
pub use shape::{ActionShape, EntityShape, Field, RecordShape, Shape, TypeId};
pub use types::Types;
