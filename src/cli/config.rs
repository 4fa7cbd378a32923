//! `gatewood config`

use super::flags::ConfigFlags;
use super::{Outcome, print};
use crate::config::{Config, show};

pub(super) fn run(flags: &ConfigFlags) -> Outcome {
    let layers = flags.layers().map_err(|error| error.to_string())?;
    Config::read(&layers).map_err(|error| error.to_string())?;
    print(&show(&layers))
}
