//! Bad input, given to the binary: each case asserts the exit code, the error's code, and that nothing was written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these are tests; what was skipped is said on standard error"
)]

mod arguments;
mod attacks;
mod bundle;
mod content;
mod disk;
mod forgeries;
mod key_files;
mod keys;
mod names;
mod place;
mod pulling;
mod reuse;
mod snapshot;
mod statement;
mod store;
