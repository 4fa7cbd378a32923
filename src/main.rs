//! The program `gatewood`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatewood::cli::main()
}
