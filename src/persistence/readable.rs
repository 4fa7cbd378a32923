//! Lists in which one damaged row does not hide the others.

use diesel::result::Error as DieselError;
use uuid::Uuid;

use super::StoreError;
use super::connection::Db;
use crate::domain::Page;

/// Rows with their ids, each as far as it can be read.
pub(super) type Readable<T> = Vec<(String, Result<Option<T>, StoreError>)>;

/// Reads rows all at once, and one by one when there is one among them that cannot be read: its
/// owner has a problem, and nobody else.
pub(super) fn readable<R, T>(
    db: &mut Db,
    at_once: impl FnOnce(&mut Db) -> Result<Vec<R>, DieselError>,
    with_id: impl Fn(R) -> (String, Result<T, StoreError>),
    ids: impl FnOnce(&mut Db) -> Result<Vec<String>, DieselError>,
    by_id: impl Fn(&mut Db, &str) -> Result<Option<T>, StoreError>,
) -> Result<Readable<T>, StoreError> {
    match at_once(db) {
        Ok(rows) => {
            let rows = rows.into_iter().map(with_id);
            Ok(rows.map(|(id, row)| (id, row.map(Some))).collect())
        }
        Err(DieselError::DeserializationError(_)) => {
            let ids = ids(db)?.into_iter();
            Ok(ids.map(|id| (id.clone(), by_id(db, &id))).collect())
        }
        Err(error) => Err(error.into()),
    }
}

/// Cuts a page from rows of which one more than `limit` was fetched. What cannot be read is left
/// out, and the log says so.
///
/// # Errors
/// When it is not for damage that a row was not read.
pub(super) fn cut<T>(mut rows: Readable<T>, limit: u16) -> Result<Page<T>, StoreError> {
    let limit = usize::from(limit);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.iter().rev().find_map(|(id, _)| Uuid::try_parse(id).ok()) } else { None };
    let mut items = Vec::with_capacity(rows.len());
    for (id, row) in rows {
        match row {
            Ok(row) => items.extend(row),
            Err(StoreError::Damaged(error)) => {
                tracing::error!(row.id = id, error, "a row cannot be read and is left out");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Page { items, next })
}
