//! Query parameters. One that no route knows is refused: a misspelt `limit` must not be silently lost.

use std::cell::RefCell;
use std::collections::BTreeMap;

use utoipa::IntoParams;

use super::Problem;
use crate::domain::Invalid;
use crate::domain::invalid::{quoted, shown};

/// The parameters of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is the description that is of use; the values are read by name")]
pub(super) struct PageQuery {
    /// How many items at most.
    #[param(minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: u16,
    /// What the page before gave as `next_page_token`.
    #[param(required = false, pattern = "^[0-9a-f]{32}$")]
    page_token: String,
}

/// The parameters of a query, with those remembered that were asked for.
pub(super) struct Query {
    values: BTreeMap<String, String>,
    known: RefCell<Vec<String>>,
}

impl Query {
    /// Takes a query apart.
    ///
    /// # Errors
    /// When a parameter is there twice.
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if values.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Invalid::new(shown(&name), "is there twice in the query").into());
            }
        }
        Ok(Self { values, known: RefCell::default() })
    }

    /// The parameter's value; from now on it is a known one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.known.borrow_mut().push(name.to_owned());
        self.values.get(name).map(String::as_str)
    }

    /// Fails when there is a parameter that nobody asked for.
    pub(super) fn refuse_unknown(&self) -> Result<(), Problem> {
        let known = self.known.borrow();
        match self.values.keys().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => {
                Err(Invalid::new("query", format!("{} is not a parameter of this route", quoted(name))).into())
            }
        }
    }
}
