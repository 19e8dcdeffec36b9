//! The way of a model through the gate: enforced, warned about, suspended.

use std::path::Path;

use lacre_testkit::Sealed;
use lacre_verify::{
    Admitted, Hold, Links, NoProgress, Passed, Policy, Refused, Requirements, Trust, Unverified,
};

/// A policy with one rule, which trusts the key of `sealed` and has these lines besides.
fn policy(sealed: &Sealed, lines: &str) -> Policy {
    let key = sealed.public_key().to_pem();
    let text = format!(
        "version = 1\n[[policy]]\nname = \"only\"\n{lines}\n[[policy.trust.key]]\npublic-key = '''{key}'''\n"
    );
    Policy::parse(&text, Path::new("policy.toml")).unwrap()
}

fn admit(policy: &Policy, sealed: &Sealed) -> Result<Passed, Box<Refused>> {
    // Whom to trust, the policy says alone.
    let base = Requirements::new(Trust::keys([Sealed::sample().public_key().clone()]).unwrap());
    let model = Unverified::open(&sealed.path(), None, Links::Refuse, &base)
        .map_err(|failure| Box::new(Refused::from(failure)))?;
    let candidate = policy.candidate(model, &base).map_err(|failure| Box::new(Refused::from(failure)))?;
    let judgement = candidate.judge(&candidate.facts());
    candidate.admit(judgement, &Hold::Nothing, &NoProgress)
}

#[test]
fn what_meets_every_demand_is_strict() {
    let sealed = Sealed::sample();
    let passed = admit(&policy(&sealed, ""), &sealed).unwrap();
    assert!(matches!(passed.model, Admitted::Strict(_)));
    assert_eq!(passed.judgement.rule(), "only");
}

#[test]
fn what_does_not_is_refused_or_waived_as_the_mode_says() {
    let sealed = Sealed::sample();
    let refused = admit(&policy(&sealed, "transparency = \"required\""), &sealed).unwrap_err();
    assert_eq!(refused.code(), "E-POLICY-TRANSPARENCY");
    for mode in ["warn", "audit"] {
        let lines = format!("mode = \"{mode}\"\ntransparency = \"required\"");
        let Admitted::Waived(model) = admit(&policy(&sealed, &lines), &sealed).unwrap().model else {
            panic!("{mode}: it meets no such demand")
        };
        let codes: Vec<_> = model.standing().failed().iter().map(|failed| failed.code).collect();
        assert_eq!(codes, ["E-POLICY-TRANSPARENCY"], "{mode}");
    }
}
