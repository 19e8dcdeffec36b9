//! What attackers of an update framework do, and by which code it is refused.
//!
//! Most start from a repository and a client that is up to date with it. What is kept after a refusal is what was
//! believed before, unless a file before the refused one was good.

mod keys;
mod mixed;
mod much;
mod names;
mod old;
mod shapes;

use lacre_testkit::{Pins, TufSimulator};

use crate::client::Client;

/// A repository whose files all have version 2, and a client that knows them.
fn up_to_date(pins: Pins) -> (TufSimulator, Client) {
    let mut repository = TufSimulator::new();
    repository.pins = pins;
    repository.add_target("targets", "file", b"content");
    repository.publish_all();
    let mut client = Client::of(&repository);
    client.download(&repository, &["file"]).unwrap();
    (repository, client)
}

/// Asserts that a refresh is refused with `code`, and that nothing of it is kept.
fn refused(client: &mut Client, repository: &TufSimulator, code: &str, what: &str) {
    let before = client.kept.clone();
    let Err(error) = client.refresh(repository) else { panic!("{what}: accepted") };
    assert_eq!(error.code(), code, "{what}: {error}");
    assert_eq!(client.kept, before, "{what}");
}
