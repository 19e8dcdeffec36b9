//! A Sigstore on this machine for one command: `local_sigstore FOLDER EMAIL COMMAND [ARGUMENT...]` starts it, writes what
//! its clients need into FOLDER (`token` of EMAIL, `issuer`, `trust_config.json`, `trusted_root.json`), runs the
//! command, and stops it. What was signed can be verified afterwards by the files alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool of benchmarks: a panic tells what is missing"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use lacre_testkit::Stack;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let email = arguments.next().expect("an e-mail address").into_string().expect("UTF-8");
    let command = arguments.next().expect("a command");
    let stack = Stack::start().expect("the servers, which LACRE_PEERS leads to");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("token"), stack.issuer().token(&email)).unwrap();
    fs::write(folder.join("issuer"), stack.issuer().url()).unwrap();
    fs::copy(stack.trust_config(), folder.join("trust_config.json")).unwrap();
    fs::copy(stack.trusted_root(), folder.join("trusted_root.json")).unwrap();
    let status = Command::new(command).args(arguments).status().unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
