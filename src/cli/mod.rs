//! The command line: one subcommand, one file.

mod config;
mod decide;
mod flags;
mod keys;
mod log_json;
mod log_lines;
mod logging;
mod report;
mod secrets;
mod serve;

use std::io::Write;
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
    /// Put one request to a folder of policies. Ends with 0 for allow, 2 for deny, 1 when there is no
    /// answer, 3 when the store is not valid.
    Decide(decide::DecideFlags),
    /// Make API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look after stored secrets.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
}

/// What a subcommand ends with: nothing, or one text for the person who called it.
type Outcome = Result<(), String>;

/// Runs the program. Exit codes: 0 it was done, 1 it was not, 2 the arguments are wrong. `decide` has its own:
/// 0 allow, 2 deny, 1 no answer, wrong arguments included, 3 the store is not valid.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    let outcome = match arguments.command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Config(flags) => config::run(&flags),
        Command::Decide(flags) => return decide::run(&flags),
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

/// Prints what is wrong with the arguments, or the help that they ask for. A script that reads 2 as "deny" must
/// not take a misspelt flag for one.
fn refused(error: &clap::Error) -> ExitCode {
    let is_flag = |argument: &std::ffi::OsString| argument.as_encoded_bytes().starts_with(b"-");
    let decides = std::env::args_os().skip(1).find(|argument| !is_flag(argument)).is_some_and(|it| it == "decide");
    // Where this cannot be printed, there is nowhere to say so.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if decides => ExitCode::FAILURE,
        _ => ExitCode::from(2),
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command tells its caller what went wrong")]
fn complain(error: &str) {
    eprintln!("gatewood: {error}");
}

/// Prints what a command was called for.
fn print(text: &str) -> Outcome {
    let mut output = std::io::stdout().lock();
    let printed = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    printed.map_err(|error| format!("the answer cannot be written to standard output: {error}"))
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
