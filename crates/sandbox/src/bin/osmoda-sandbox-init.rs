//! Process 1 of a sandbox.

use std::process::ExitCode;

fn main() -> ExitCode {
    osmoda_sandbox::inside::main(std::env::args_os().skip(1))
}
