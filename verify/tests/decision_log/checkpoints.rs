//! Whose checkpoint it is, and that it is one.

use std::num::NonZeroUsize;

use lacre_testkit::{Sealed, edit_bundle};
use lacre_verify::decision::Checkpoint;
use lacre_verify::{Limits, Requirements, Trust, Unverified};

use crate::desk::Desk;

fn said(bundle: &[u8], requirements: &Requirements) -> &'static str {
    Unverified::<Checkpoint>::parse(bundle, &Limits::default())
        .and_then(|unverified| unverified.verify(requirements))
        .map_or_else(|failure| failure.error.code(), |_| "ok")
}

#[test]
fn a_checkpoint_counts_by_its_signer() {
    let desk = Desk::with(3);
    let bundle = desk.bundle();
    assert_eq!(said(&bundle, &desk.trust()), "ok");
    let other = Sealed::sample();
    let other = Requirements::new(Trust::keys([other.public_key().clone()]).unwrap());
    assert_eq!(said(&bundle, &other), "E-SIGNER-UNTRUSTED");
    let edited = |part: &'static [&'static str]| {
        edit_bundle(&bundle, |value| {
            let text =
                part.iter().fold(&mut value["dsseEnvelope"], |value, name| match name.parse::<usize>() {
                    Ok(at) => &mut value[at],
                    Err(_) => &mut value[*name],
                });
            let old = text.as_str().unwrap().to_owned();
            let middle = old.len() / 2;
            let other = if &old[middle..=middle] == "A" { "B" } else { "A" };
            *text = format!("{}{other}{}", &old[..middle], &old[middle + 1..]).into();
        })
    };
    assert_eq!(said(&edited(&["payload"]), &desk.trust()), "E-SIGNATURE-INVALID");
    assert_eq!(said(&edited(&["signatures", "0", "sig"]), &desk.trust()), "E-SIGNATURE-INVALID");
    let checkpoint = desk.checkpoint();
    let account = desk.check(&[]).unwrap();
    let says = checkpoint.checkpoint();
    assert_eq!((says.log, says.lines, says.head), (account.log, 4, account.head));
}

#[test]
fn one_signer_is_not_two() {
    let desk = Desk::with(1);
    let keys = [desk.key(), Sealed::sample().public_key().clone()];
    let trust = Trust::keys(keys).unwrap().signers(NonZeroUsize::new(2).unwrap());
    let both = Requirements::new(trust);
    assert_eq!(said(&desk.bundle(), &both), "E-TOO-FEW-SIGNERS");
    let strict = desk.trust().expect_name("org/m");
    assert_eq!(said(&desk.bundle(), &strict), "ok", "a log has no name");
}

#[test]
fn a_statement_about_anything_else_is_no_checkpoint() {
    let desk = Desk::with(1);
    let head = "ab".repeat(32);
    let statement = |kind: &str, predicate: &str| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{predicate},"predicateType":"{kind}","subject":[{{"digest":{{"sha256":"{head}"}},"name":"x"}}]}}"#
        )
    };
    let id = "0".repeat(32);
    let good = format!(r#"{{"lines":1,"log":"{id}","time":"2026-11-24T02:00:00Z"}}"#);
    let kind = "urn:lacre:decision-log-checkpoint:v1";
    assert_eq!(said(&desk.signed(&statement(kind, &good)), &desk.trust()), "ok");
    assert_eq!(said(&desk.signed(&statement("urn:x", &good)), &desk.trust()), "E-PREDICATE-TYPE");
    assert_eq!(said(&desk.signed(&statement(kind, "{}")), &desk.trust()), "E-PREDICATE");
    assert_eq!(said(&desk.signed("{}"), &desk.trust()), "E-STATEMENT");
    // A model's signature by the same key is a model's signature.
    let model = Sealed::sample();
    let trust = Requirements::new(Trust::keys([model.public_key().clone()]).unwrap());
    assert_eq!(said(model.bundle(), &trust), "E-PREDICATE-TYPE");
}
