//! `lacre sign --key` with keys that are in no file: programs, agents, tokens.

mod agent;
mod exec;
mod kms;
mod token;
mod words;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::Bench;

/// What lies in the model's folder when nothing was signed.
const UNSIGNED: [&str; 3] = ["config.json", "model.safetensors", "tokenizer"];

/// Signs with a key that holds no space, in vain: the code is `code`, and nothing was written.
fn refuses(bench: &Bench, key: &str, code: &str, exit: i32) -> String {
    let said = bench.bad(&format!("sign MODEL --name m --signer-timeout 1s --key {key}"), code, exit);
    assert_eq!(bench.names("MODEL"), UNSIGNED);
    said.stderr
}

/// Runs a program in `folder` that must succeed, and gives what it printed.
fn tool(folder: &Path, environment: &[(&str, &Path)], words: &[&str]) -> Vec<u8> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder).stdin(Stdio::null()).envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{words:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
