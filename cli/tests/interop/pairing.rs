//! Two implementations and one way to sign: what the one signs, the other accepts, and after a change of the content
//! neither does.

use std::fs;

use lacre_testkit::interop::{self, Direction};
use lacre_testkit::tamper;

use crate::bench::{Bench, Said};

/// How the two sign the folder `model` into `out.sig`, and how they verify it.
pub(crate) struct Pairing<'a> {
    /// The other one, as the table calls it.
    pub(crate) peer: &'static str,
    /// By what is signed, as the table calls it.
    pub(crate) way: &'static str,
    pub(crate) bench: &'a Bench,
    /// Arguments of `lacre sign`, without model and signature.
    pub(crate) lacre_signs: String,
    /// Arguments of `lacre verify`, without model and signature.
    pub(crate) lacre_verifies: String,
    pub(crate) peer_signs: &'a dyn Fn(&Bench),
    /// Is given the root digest of what lies in `model`, for those who know digests and no files.
    pub(crate) peer_verifies: &'a dyn Fn(&Bench, &str) -> Said,
}

impl Pairing<'_> {
    /// Both directions.
    pub(crate) fn both_ways(&self) {
        self.peer_verifies_lacres();
        self.lacre_verifies_peers();
    }

    /// Lacre signs, the other one verifies.
    pub(crate) fn peer_verifies_lacres(&self) {
        self.lacre_sign();
        self.accepted_until_changed();
        interop::holds(self.peer, self.way, Direction::FromLacre);
    }

    /// The other one signs, Lacre verifies.
    pub(crate) fn lacre_verifies_peers(&self) {
        self.peer_sign();
        self.accepted_until_changed();
        interop::holds(self.peer, self.way, Direction::ToLacre);
    }

    /// The same, under a condition.
    pub(crate) fn lacre_verifies_peers_if(&self, note: &str) {
        self.peer_sign();
        self.accepted_until_changed();
        interop::holds_if(self.peer, self.way, Direction::ToLacre, note);
    }

    /// Lacre signs, and the other one refuses for a reason that `why` is part of.
    pub(crate) fn peer_refuses_lacres(&self, why: &str, note: &str) {
        self.lacre_sign();
        self.bench.lacre(&self.verify());
        let said = (self.peer_verifies)(self.bench, &root(self.bench));
        assert_ne!(said.exit, Some(0), "{}, {}: {said:?}", self.peer, self.way);
        assert!(said.text().contains(why), "{}, {}: not for {why:?}: {said:?}", self.peer, self.way);
        interop::refused(self.peer, self.way, Direction::FromLacre, note);
    }

    fn lacre_sign(&self) {
        self.clear();
        let name = "--name org/mini-lm --version 1.0.0 --signature out.sig";
        self.bench.lacre(&format!("sign model {name} {}", self.lacre_signs));
    }

    fn peer_sign(&self) {
        self.clear();
        (self.peer_signs)(self.bench);
    }

    fn clear(&self) {
        let _ = fs::remove_file(self.bench.path("out.sig"));
    }

    fn verify(&self) -> String {
        format!("verify model --signature out.sig {}", self.lacre_verifies)
    }

    fn accepted_until_changed(&self) {
        let Self { peer, way, bench, .. } = self;
        bench.lacre(&self.verify());
        let said = (self.peer_verifies)(bench, &root(bench));
        assert_eq!(said.exit, Some(0), "{peer}, {way}: {said:?}");
        let before = bench.model().read("blob.bin");
        tamper::flip(&bench.model().entry("blob.bin"), 99);
        bench.lacre_refuses(&self.verify(), 1, "E-FILE-CHANGED");
        let said = (self.peer_verifies)(bench, &root(bench));
        assert_ne!(said.exit, Some(0), "{peer}, {way}: {said:?}");
        bench.model().put("blob.bin", before);
    }
}

/// The root digest of what lies in `model` now.
pub(crate) fn root(bench: &Bench) -> String {
    let would = bench.lacre("sign model --name m --dry-run --signature unwritten.sig --key k.key");
    would["root"].as_str().unwrap().to_owned()
}

/// The statement that Lacre would sign about `model`, in `statement.json`, for those who sign statements.
pub(crate) fn write_statement(bench: &Bench) {
    let _ = fs::remove_file(bench.path("statement.sig"));
    bench.lacre("sign model --name org/mini-lm --version 1.0.0 --signature statement.sig --key k.key");
    let statement = lacre_testkit::statement_of(&bench.read("statement.sig"));
    fs::write(bench.path("statement.json"), statement.to_string()).unwrap();
}
