//! `lacre verify --report` and `--format`: what is written, for good and bad models, and for names that attack its readers.

mod browser;
mod differences;
mod drawing;
mod files;
mod formats;
mod hostile;
mod identities;
mod page;

use lacre_testkit::tamper;

use crate::bench::Bench;

/// The signed model with a file added and one taken away.
fn tampered() -> Bench {
    let bench = Bench::with_signed_model();
    tamper::plant(&bench.path("MODEL/notes.txt"), "mine");
    tamper::remove(&bench.path("MODEL/tokenizer/vocab.txt"));
    bench
}
