//! What can be asked of the service.

use std::future::{Future, ready};

use super::stores::StoreTarget;
use super::{App, AppError};
use crate::domain::Call;
use crate::mapping::{Attribute, Question, Resource};
use crate::policy::ActionUse;

/// A command with the facts that policies want to know.
pub type Gathered<C> = Result<C, AppError>;

/// Something that can be asked of the service: a valid request for one use case, read from any transport.
///
/// What the policies see and what the use case works on is the same value; there is no way to have
/// one thing decided and do another.
pub trait Command: Sized + Send {
    /// The action that it is, and how the code uses that action.
    const ACTION: ActionUse;

    /// What it is about.
    fn resource(&self) -> Resource;

    /// What its action's context has besides `request`, `now` and `tenant`. Never a secret.
    fn context(&self) -> Vec<(&'static str, Attribute)> {
        Vec::new()
    }

    /// The store that it is about, if it is about one. It is looked for before the policies are asked.
    fn store(&self) -> Option<&StoreTarget> {
        None
    }

    /// The same, to look for it.
    fn store_mut(&mut self) -> Option<&mut StoreTarget> {
        None
    }

    /// Looks up what policies want to know of stored things. Most want nothing.
    fn gather(self, _app: &App, _call: &Call) -> impl Future<Output = Gathered<Self>> + Send {
        ready(Ok(self))
    }

    /// One with every optional part, to hold the schema against at start.
    fn example() -> Self;

    /// The question to the policies.
    fn question(&self) -> Question {
        Question { action: Self::ACTION.name, resource: self.resource(), context: self.context() }
    }
}
