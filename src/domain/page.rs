//! Lists, a page at a time.

use super::invalid::Invalid;

/// Which page of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most: 1 to [`PageRequest::MOST`].
    pub limit: u16,
    /// The id after which the page starts; `None` for the first page.
    pub after: Option<uuid::Uuid>,
}

impl PageRequest {
    /// The largest page.
    pub const MOST: u16 = 1000;
    /// The page that is given when no limit is asked for.
    pub const USUAL: u16 = 100;

    /// Reads `limit` and `page_token` as they come in a query.
    ///
    /// A page token is the last id of the page before. It gives no right: a page is always cut
    /// from what the caller may list, so a forged token shows nothing that a small limit would not.
    ///
    /// # Errors
    /// Names the parameter when the limit is no number in range or the token none that a list gave.
    pub fn parse(limit: Option<&str>, page_token: Option<&str>) -> Result<Self, Invalid> {
        let limit = match limit {
            None => Self::USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=Self::MOST).contains(limit))
                .ok_or_else(|| Invalid::new("limit", format!("is not a number from 1 to {}", Self::MOST)))?,
        };
        let after = match page_token {
            None => None,
            Some(token) => {
                let read = uuid::Uuid::try_parse(token).ok().filter(|id| id.as_simple().to_string() == token);
                Some(read.ok_or_else(|| Invalid::new("page_token", "is not a token that a list gave"))?)
            }
        };
        Ok(Self { limit, after })
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order of their ids, which is the order in which they were made; history backwards.
    pub items: Vec<T>,
    /// The token of the next page; `None` when this one is the last.
    pub next: Option<uuid::Uuid>,
}
