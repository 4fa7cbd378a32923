//! The command line: one subcommand, one file.

mod config;
mod flags;
mod keys;
mod logging;
mod secrets;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::persistence::{Database, PoolSettings};

/// A Cedar-policy authorization service.
#[derive(Parser)]
#[command(name = "gatewood", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve(flags::ConfigFlags),
    /// Print the effective configuration with its origins and without its secrets.
    Config(flags::ConfigFlags),
    /// Make API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look after stored secrets.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
}

/// What a subcommand ends with: nothing, or one text for the person who called it.
type Outcome = Result<(), String>;

/// Runs the program. Exit codes: 0 it was done, 1 it was not, 2 the arguments are wrong.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Config(flags) => config::run(&flags),
        Command::Keys(command) => keys::run(&command),
        Command::Secrets(command) => secrets::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command tells its caller what went wrong")]
fn complain(error: &str) {
    eprintln!("gatewood: {error}");
}

/// Prints what a command was called for.
#[expect(clippy::print_stdout, reason = "this is what the command was called for")]
fn print(text: &str) {
    print!("{text}");
}

/// Opens a database that is there: a command that works on one must not make it, or a misspelt URL
/// would end in an empty database and a success.
fn open_database(config: &Config) -> Result<Database, String> {
    let url = &config.database_url;
    if let Some(file) = url.sqlite_file().filter(|file| !file.is_file()) {
        return Err(format!("there is no database {}; `gatewood serve` makes one", file.display()));
    }
    Database::migrate(url).map_err(|error| error.to_string())?;
    let pool = PoolSettings { connections: 1, wait: config.database.wait };
    Database::connect(url, pool).map_err(|error| error.to_string())
}

/// Runs asynchronous work on a multi-threaded runtime.
fn block_on<F: Future<Output = Outcome>>(work: F) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(work)
}
