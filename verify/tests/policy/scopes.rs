//! Which rule decides.

use lacre_testkit::{ModelDir, Sealed};
use lacre_verify::{Facts, Policy};

use crate::scene::{
    KEY, OTHER, admit, base, lay, load, of, plain, rule, sample, stanza, verdict, verdict_with,
};

/// A policy of these rules: name, lines, and whether they want what no model here has.
fn rules(all: &[(&str, &str)]) -> String {
    let one = |(name, lines): &(&str, &str)| {
        format!("[[policy]]\nname = \"{name}\"\n{lines}\n{}\n", stanza("policy.trust", &KEY, ""))
    };
    format!("version = 1\n{}", all.iter().map(one).collect::<String>())
}

fn decides(policy: &Policy, repository: Option<&str>, model: &str) -> String {
    policy
        .rule_for(repository, model)
        .map_or_else(|error| error.code().to_owned(), |rule| rule.name().to_owned())
}

#[test]
fn the_first_rule_that_is_about_it() {
    let text = rules(&[
        ("prod", "repository = [\"ghcr.io/org/**\", \"localhost:5000/*\"]\nmodel = [\"org/*\"]"),
        ("layouts", "repository = [\"oci:/srv/**\"]"),
        ("chat", "model = [\"org/*-chat\", \"lab/**\"]"),
        ("org", "model = [\"org/*\"]"),
    ]);
    let policy = load(&text).toml;
    for (repository, model, expected) in [
        (None, "org/a", "org"),
        (None, "org/a-chat", "chat"),
        (None, "lab", "chat"),
        (None, "lab/a/b/c", "chat"),
        (None, "org", "E-POLICY-NO-MATCH"),
        (None, "org/a/b", "E-POLICY-NO-MATCH"),
        (None, "Org/a", "E-POLICY-NO-MATCH"),
        (None, "", "E-POLICY-NO-MATCH"),
        (None, "other/a", "E-POLICY-NO-MATCH"),
        (Some("ghcr.io/org/x"), "org/a", "prod"),
        (Some("ghcr.io/org"), "org/a", "prod"),
        (Some("ghcr.io/orgs/x"), "org/a", "org"),
        (Some("ghcr.io/org/x"), "lab/a", "chat"),
        (Some("ghcr.io/org/x"), "other/a", "E-POLICY-NO-MATCH"),
        (Some("localhost:5000/x"), "org/a", "prod"),
        (Some("localhost:5000/x/y"), "org/a-chat", "chat"),
        (Some("localhost:5001/x"), "org/a", "org"),
        (Some("oci:/srv/a/b"), "anything", "layouts"),
        (Some("oci:/srv/a"), "org/a", "layouts"),
        (Some("oci:/srv2/a"), "anything", "E-POLICY-NO-MATCH"),
        (Some("ghcr.io/org/x"), "org/a\u{0}", "prod"),
    ] {
        assert_eq!(decides(&policy, repository, model), expected, "{repository:?} {model}");
    }
    // Whoever only claims a name must not make it cost much to look it up.
    assert_eq!(decides(&load(&rule("", "")).toml, None, &"a/".repeat(1_000_000)), "E-POLICY-NO-MATCH");
}

#[test]
fn the_signed_name_decides_and_no_other() {
    let wants = "transparency = \"required\"";
    let text =
        rules(&[("secret", &format!("model = [\"secret/*\"]\n{wants}")), ("open", "model = [\"open/*\"]")]);
    let signed = |name: &str| of(ModelDir::sample()).name(name).sign();
    assert_eq!(verdict(&text, &signed("open/a")), "strict");
    assert_eq!(verdict(&text, &signed("secret/a")), "E-POLICY-TRANSPARENCY");
    assert_eq!(verdict(&text, &signed("else/a")), "E-POLICY-NO-MATCH");
    // Somebody else's bundle claims a name with a laxer rule: it is held against it, and refused.
    let mixed = signed("secret/a");
    let claims = of(ModelDir::sample()).name("open/a").key(&OTHER).sign();
    mixed.write_bundle(claims.bundle());
    lay(&mixed, "1", signed("secret/a").bundle());
    assert_eq!(verdict(&text, &mixed), "E-NAME-MISMATCH");
    // Beside the model, behind its own signature, it changes nothing.
    let beside = signed("secret/a");
    lay(&beside, "0", claims.bundle());
    assert_eq!(verdict(&text, &beside), "E-POLICY-TRANSPARENCY");
    // Of the names that it has, the first that a rule is about counts, and must be signed.
    let unknown = signed("else/a");
    lay(&unknown, "1", signed("open/a").bundle());
    assert_eq!(verdict(&text, &unknown), "strict");
}

#[test]
fn whoever_says_which_model_is_wanted_is_told_about_no_other() {
    let text = rules(&[("a", "model = [\"a/*\"]"), ("b", "model = [\"b/*\"]")]);
    let sealed = of(ModelDir::sample()).name("a/x").sign();
    lay(&sealed, "1", of(ModelDir::sample()).name("b/x").sign().bundle());
    let expecting = |name: &str| verdict_with(&text, &sealed, &base().expect_name(name), &plain);
    assert_eq!(expecting("a/x"), "strict");
    assert_eq!(expecting("b/x"), "strict");
    assert_eq!(expecting("a/y"), "E-NAME-MISMATCH");
    assert_eq!(expecting("c/x"), "E-POLICY-NO-MATCH");
}

#[test]
fn a_judgement_is_about_one_model_and_by_the_rule_that_decides() {
    let text = rules(&[("a", "model = [\"a/*\"]"), ("b", "")])
        .replace("name = \"b\"", "name = \"b\"\nmode = \"warn\"");
    let policy = load(&text).toml;
    let (one, other) = (of(ModelDir::sample()).name("a/x").sign(), of(ModelDir::sample()).name("a/y").sign());
    let verified = |sealed: &Sealed, mode: &Policy| admit(mode, sealed, &base(), &plain).unwrap();
    let passed = verified(&one, &policy);
    let model = verified(&other, &policy).model.strict().unwrap();
    assert_eq!(passed.judgement.admit(model).unwrap_err().code(), "E-POLICY-OTHER");
    let model = verified(&one, &policy).model.strict().unwrap();
    // By a rule that would waive everything, and is not the one.
    let [_, lax] = policy.rules() else { panic!() };
    let judgement = policy.judge(lax, &Facts::of_content(&model));
    assert_eq!(judgement.refusal().unwrap_err().code(), "E-POLICY-OTHER");
    assert_eq!(judgement.admit(model).unwrap_err().code(), "E-POLICY-OTHER");
    // Of another policy.
    let foreign = load(&rule("mode = \"warn\"", "")).toml;
    let model = verified(&one, &policy).model.strict().unwrap();
    let judgement = policy.judge(&foreign.rules()[0], &Facts::of_content(&model));
    assert_eq!(judgement.admit(model).unwrap_err().code(), "E-POLICY-OTHER");
}

#[test]
fn what_nobody_looked_at_is_not_admitted() {
    let sealed = sample();
    let strict = admit(&load(&rule("", "")).toml, &sealed, &base(), &plain).unwrap().model;
    let model = strict.strict().unwrap();
    for mode in ["enforce", "warn", "audit"] {
        let policy = load(&rule(&format!("mode = \"{mode}\"\nformats = [\"gguf\"]"), "")).toml;
        let judgement = policy.judge(&policy.rules()[0], &Facts::of_content(&model));
        assert!(judgement.refusal().is_ok());
        let again = admit(&load(&rule("", "")).toml, &sealed, &base(), &plain).unwrap().model;
        let refused = judgement.admit(again.strict().unwrap()).unwrap_err();
        assert_eq!(refused.code(), "E-POLICY-FORMAT", "{mode}");
    }
}
