//! `gatewood keys`

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use super::flags::ConfigFlags;
use super::{Outcome, block_on, open_database, print};
use crate::domain::{Clock, Entropy, KeyMaterial};
use crate::persistence::ApiKeys;
use crate::server::issue_root_key;

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Print one fresh, well-formed API key and nothing else. No database is touched: preset the key
    /// with `GATEWOOD_ROOT_API_KEY`.
    Generate,
    /// Make a key on the database and print it. For a root key that was lost.
    Create(CreateFlags),
}

#[derive(Args)]
pub(super) struct CreateFlags {
    /// Make a root key
    #[arg(long, required = true)]
    root: bool,
    #[command(flatten)]
    config: ConfigFlags,
}

pub(super) fn run(command: &KeysCommand) -> Outcome {
    let (entropy, clock) = (Entropy::system(), Clock::system());
    match command {
        KeysCommand::Generate => show(&KeyMaterial::generate(&entropy, clock.now())),
        KeysCommand::Create(flags) => {
            let config = flags.config.config()?;
            block_on(async {
                let database = open_database(&config)?;
                let made = issue_root_key(&ApiKeys::new(database), &entropy, clock.now()).await;
                show(&made.map_err(|error| error.to_string())?)
            })
        }
    }
}

fn show(key: &KeyMaterial) -> Outcome {
    print(&format!("{}\n", key.reveal().expose_secret()))
}
