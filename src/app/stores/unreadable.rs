//! Requests about a store that cannot be read.

use std::marker::PhantomData;

use super::{StoreTarget, of_its_store};
use crate::app::Command;
use crate::policy::ActionUse;

/// What a request would have been, of which nothing but its store is known. It is decided about and never done.
pub(in crate::app) struct Unreadable<C> {
    store: StoreTarget,
    command: PhantomData<fn() -> C>,
}

impl<C> Unreadable<C> {
    pub(in crate::app) const fn of(store: StoreTarget) -> Self {
        Self { store, command: PhantomData }
    }
}

impl<C: Command> Command for Unreadable<C> {
    const ACTION: ActionUse = C::ACTION;

    of_its_store!();

    fn example() -> Self {
        Self::of(StoreTarget::example())
    }
}
