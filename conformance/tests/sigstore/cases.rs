//! Bundles, with what is needed to verify them.

use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::PublicKey;
use lacre_conformance::sigstore::{Expected, Message, accept};
use lacre_hash::Sha256Digest;
use lacre_testkit::places;
use lacre_verify::sigstore_layer_that_proves_no_model::TrustedRoot;
use lacre_verify::{KeylessIdentity, Limits, SubjectMatch};
use serde_json::Value;

use crate::made;

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A bundle of the vectors, and what its README says to verify it with.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
    pub(crate) message: Message,
    pub(crate) expected: Expected,
    pub(crate) root: TrustedRoot,
}

impl Case {
    /// "accepted", or the code of the refusal, of another text in the place of the bundle.
    pub(crate) fn outcome_of(&self, text: &[u8]) -> &'static str {
        match accept(text, &self.message, &self.expected, &self.root) {
            Ok(()) => "accepted",
            Err(refusal) => refusal.code,
        }
    }

    pub(crate) fn outcome(&self) -> &'static str {
        self.outcome_of(&self.text)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.text).unwrap()
    }
}

fn identity(subject: &str, issuer: &str) -> Expected {
    Expected::Identity(KeylessIdentity::new(SubjectMatch::Exact(subject.to_owned()), issuer).unwrap())
}

fn suite() -> Option<PathBuf> {
    places::vectors().map(|vectors| vectors.join("sigstore-conformance"))
}

/// Every folder of the suite.
pub(crate) fn conformance() -> Vec<Case> {
    let Some(suite) = suite() else { return Vec::new() };
    let mut cases: Vec<Case> = fs::read_dir(suite.join("bundle-verify"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|folder| of_folder(&suite, &folder))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn of_folder(suite: &Path, folder: &Path) -> Case {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let expected = match text("key.pub") {
        Some(pem) => Expected::Key(PublicKey::from_pem(&pem).unwrap()),
        None => identity(
            text("identity").as_deref().unwrap_or(IDENTITY),
            text("issuer").as_deref().unwrap_or(ISSUER),
        ),
    };
    let root = text("trusted_root.json")
        .unwrap_or_else(|| fs::read_to_string(suite.join("production_trusted_root.json")).unwrap());
    Case {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        text: fs::read(folder.join("bundle.sigstore.json")).unwrap(),
        message: Message::Bytes(
            fs::read(folder.join("artifact")).or_else(|_| fs::read(suite.join("a.txt"))).unwrap(),
        ),
        expected,
        root: TrustedRoot::from_json(root.as_bytes(), &Limits::default()).unwrap(),
    }
}

pub(crate) fn named(name: &str) -> Option<Case> {
    conformance().into_iter().find(|case| case.name == name)
}

/// The keyless bundles of releases of the reference implementation of OMS, all of one signer.
pub(crate) fn models() -> Vec<Case> {
    let Some(vectors) = places::vectors() else { return Vec::new() };
    let oms = vectors.join("oms");
    let root = fs::read(oms.join("sigstore-trust/prod_trusted_root.json")).unwrap();
    ["v0.3.1", "v1.0.0", "v1.0.1", "v1.1.0"]
        .map(|release| {
            let folder = oms.join(format!("model-transparency/scripts/tests/{release}-sigstore"));
            let text = fs::read(folder.join("model.sig")).unwrap();
            let bundle = lacre_attest::Bundle::parse(&text, &Limits::default()).unwrap();
            let statement =
                lacre_attest::Statement::parse(bundle.envelope().payload(), &Limits::default()).unwrap();
            let subject = Sha256Digest::from_hex(&statement.subjects()[0].digest["sha256"]).unwrap();
            Case {
                name: format!("oms-{release}"),
                text,
                message: Message::Digest(subject),
                expected: identity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2"),
                root: TrustedRoot::from_json(&root, &Limits::default()).unwrap(),
            }
        })
        .into()
}

/// Every bundle that must be accepted.
pub(crate) fn valid() -> Vec<Case> {
    let mut cases = models();
    if cases.is_empty() {
        return cases;
    }
    cases.extend(made::managed());
    cases.extend(conformance().into_iter().filter(|case| !case.name.ends_with("_fail")));
    cases
}
