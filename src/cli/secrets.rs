//! `gatewood secrets`

use std::sync::Arc;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::flags::ConfigFlags;
use super::{Outcome, block_on, complain, open_database, print};
use crate::domain::{Clock, Entropy, Origin};
use crate::persistence::{count_rows, reseal};
use crate::server::key_ring;

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// Seal every stored secret anew under the primary encryption key. A server may run meanwhile,
    /// if it has that key.
    Reseal(ConfigFlags),
}

pub(super) fn run(command: &SecretsCommand) -> Outcome {
    let SecretsCommand::Reseal(flags) = command;
    let config = flags.config()?;
    block_on(async {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let database = open_database(&config)?;
        let entropy = Entropy::system();
        let keys = Arc::new(key_ring(&config, &database, &entropy).await.map_err(|error| text(&error))?);
        let origin = Origin::by_system("system:command-line", "ResealSecrets", Clock::system().now(), &entropy);
        let bar = ProgressBar::new(count_rows(&database).await.map_err(|error| text(&error))?);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} secrets, {eta} to go") {
            bar.set_style(style);
        }
        let done =
            reseal(&database, &keys, &entropy, &origin, |rows| bar.inc(rows)).await.map_err(|error| text(&error))?;
        bar.finish_and_clear();
        print(&format!(
            "sealed {} anew under `{}`, {} were under it already\n",
            done.moved,
            keys.primary(),
            done.current
        ))?;
        done.failed.iter().for_each(|failure| complain(failure));
        if done.failed.is_empty() {
            Ok(())
        } else {
            Err(format!("{} could not be opened and are as they were", done.failed.len()))
        }
    })
}
