//! Attestations that are demanded: of whom, about what, how old, and what they say.

use lacre_hash::Sha256Digest;
use lacre_testkit::{ModelDir, Sealed};
use serde_json::{Value, json};

use crate::scene::{
    KEY, OTHER, attest, attest_about, base, identity, lay, load, of, plain, rule, sample, stanza, verdict,
    verdict_with,
};

const TEST: &str = "https://in-toto.io/attestation/test-result/v0.1";
const VSA: &str = "https://slsa.dev/verification_summary/v1";
const MISSING: &str = "E-POLICY-ATTESTATION";

fn require(lines: &str) -> String {
    rule("", &format!("[[policy.require]]\npredicate = \"test-result\"\n{lines}"))
}

fn by(keys: &str, signers: usize) -> String {
    require(&format!("[policy.require.trust]\nsigners = {signers}\n{keys}"))
}

/// The verdict about the model with these bundles beside it.
#[track_caller]
fn beside(text: &str, sealed: &Sealed, bundles: &[Vec<u8>]) -> String {
    verdict_with(text, sealed, &base(), &|it| it.judge(&it.facts().attestations(bundles)))
}

fn passed() -> Value {
    json!({"result": "PASSED", "score": 0.93, "failed": [], "tests": [{"n": 1}, {"n": 2}], "count": 3})
}

#[test]
fn by_whom_and_of_which_kind() {
    let sealed = sample();
    let (mine, theirs) = (attest(&sealed, &KEY, TEST, &passed()), attest(&sealed, &OTHER, TEST, &passed()));
    let vsa = attest(&sealed, &KEY, VSA, &passed());
    let other = by(&stanza("policy.require.trust", &OTHER, ""), 1);
    let any = require("");
    for (text, bundles, expected) in [
        (&any, vec![], MISSING),
        (&any, vec![&mine], "strict"),
        (&any, vec![&theirs], MISSING),
        (&any, vec![&vsa], MISSING),
        (&any, vec![&vsa, &theirs, &mine], "strict"),
        (&other, vec![&mine], MISSING),
        (&other, vec![&theirs], "strict"),
        (&other, vec![&mine, &theirs], "strict"),
        (&require("").replace("test-result", TEST), vec![&mine], "strict"),
        (
            &require("").replace("test-result", "https://in-toto.io/attestation/test-result/v0.2"),
            vec![&mine],
            MISSING,
        ),
        (&(require("") + "[[policy.require]]\npredicate = \"vsa\"\n"), vec![&mine], MISSING),
        (&(require("") + "[[policy.require]]\npredicate = \"vsa\"\n"), vec![&mine, &vsa], "strict"),
    ] {
        let bundles: Vec<Vec<u8>> = bundles.into_iter().cloned().collect();
        assert_eq!(beside(text, &sealed, &bundles), expected, "{text}");
    }
    let warn = any.replace("name =", "mode = \"warn\"\nname =");
    assert_eq!(beside(&warn, &sealed, &[]), format!("waived {MISSING}"));
    // Those that lie beside the model are found.
    lay(&sealed, "tests", &mine);
    assert_eq!(verdict(&any, &sealed), "strict");
}

#[test]
fn about_this_model_and_no_other() {
    let sealed = sample();
    let other = of(ModelDir::new().file("a.txt", "other")).sign();
    let (id, foreign) = (identity(&sealed), identity(&other));
    let manifest = Sha256Digest::of(b"manifest");
    let (here, there) = (manifest.to_string(), Sha256Digest::of(b"other").to_string());
    let root = sealed.statement()["subject"][0]["digest"]["sha256"].clone();
    for (digest, on_disk, pulled) in [
        (json!({"lacre": id}), "strict", "strict"),
        (json!({"lacre": foreign}), MISSING, MISSING),
        (json!({"lacre": id.to_uppercase()}), MISSING, MISSING),
        (json!({"sha256": here}), MISSING, "strict"),
        (json!({"sha256": there}), MISSING, MISSING),
        // The root digest of a model signature binds no names.
        (json!({"sha256": root}), MISSING, MISSING),
        (json!({"lacre": id, "sha256": here}), "strict", "strict"),
        (json!({"lacre": foreign, "sha256": here}), MISSING, MISSING),
        (json!({"lacre": id, "sha256": there}), "strict", MISSING),
        (json!({"blake3": id}), MISSING, MISSING),
    ] {
        let bundles = [attest_about(&digest, &KEY, TEST, &passed())];
        assert_eq!(beside(&require(""), &sealed, &bundles), on_disk, "{digest}");
        let policy = load(&require("")).toml;
        let model = crate::scene::admit(&load(&rule("", "")).toml, &sealed, &base(), &plain)
            .unwrap()
            .model
            .strict()
            .unwrap();
        let facts =
            lacre_verify::Facts::of_content(&model).from("ghcr.io/a/b", &manifest).attestations(&bundles);
        let judgement = policy.judge(&policy.rules()[0], &facts);
        let found = judgement.refusal().map_or_else(|error| error.code(), |()| "strict");
        assert_eq!(found, pulled, "{digest}");
    }
}

#[test]
fn what_it_says() {
    let sealed = sample();
    let bundles = [attest(&sealed, &KEY, TEST, &passed())];
    let (no, error) = ("E-POLICY-EXPRESSION", "E-POLICY-EVALUATION");
    for (cel, expected) in [
        ("predicate.result == 'PASSED'", "strict"),
        ("predicate.result == 'FAILED'", no),
        ("predicate.score >= 0.9", "strict"),
        ("predicate.score >= 0.95", no),
        ("predicate.failed.size() == 0", "strict"),
        ("predicate.tests.all(t, t.n > 0)", "strict"),
        ("predicate.tests.exists(t, t.n == 9)", no),
        ("predicate.count + 1 == 4", "strict"),
        ("has(predicate.missing)", no),
        ("predicate.missing == 1", error),
        ("predicate.result", error),
        ("statement.predicateType.endsWith('/v0.1')", "strict"),
        ("statement.subject[0].name == 'model'", "strict"),
        ("signer.kind == 'key'", "strict"),
        ("signed_at == null", "strict"),
        ("artifact.name == 'org/mini-lm' && signers.size() == 1", "strict"),
        ("predicate.tests.map(t, t.n / 0).size() == 2", error),
    ] {
        assert_eq!(beside(&require(&format!("cel = \"{cel}\"")), &sealed, &bundles), expected, "{cel}");
    }
    // One that says it is enough: whoever can add a bundle could add a bad one.
    let failed = attest(&sealed, &KEY, TEST, &json!({"result": "FAILED"}));
    let both = [failed, bundles[0].clone()];
    assert_eq!(beside(&require("cel = \"predicate.result == 'PASSED'\""), &sealed, &both), "strict");
    // What nothing proves the age of is not young.
    assert_eq!(beside(&require("max-age = \"36500d\""), &sealed, &bundles), "E-POLICY-AGE");
}

#[test]
fn several_signers_say_the_same() {
    let sealed = sample();
    let keys = stanza("policy.require.trust", &KEY, "") + &stanza("policy.require.trust", &OTHER, "");
    let two = by(&keys, 2);
    let (mine, theirs) = (attest(&sealed, &KEY, TEST, &passed()), attest(&sealed, &OTHER, TEST, &passed()));
    let differs = attest(&sealed, &OTHER, TEST, &json!({"result": "FAILED"}));
    let reordered = attest(&sealed, &OTHER, TEST, &json!({"tests": [{"n": 2}, {"n": 1}]}));
    for (bundles, expected) in [
        (vec![&mine], MISSING),
        (vec![&mine, &mine], MISSING),
        (vec![&mine, &differs], MISSING),
        (vec![&mine, &reordered], MISSING),
        (vec![&mine, &theirs], "strict"),
        (vec![&differs, &mine, &theirs], "strict"),
    ] {
        let bundles: Vec<Vec<u8>> = bundles.into_iter().cloned().collect();
        assert_eq!(beside(&two, &sealed, &bundles), expected);
    }
    // Each of them must be what is demanded: not one for both.
    let cel = two.replace(
        "[policy.require.trust]",
        &format!("cel = \"signer.key == '{}'\"\n[policy.require.trust]", KEY.public_key().hint()),
    );
    assert_ne!(beside(&cel, &sealed, &[mine.clone(), theirs.clone()]), "strict");
}

#[test]
fn bundles_of_others_do_no_harm() {
    let sealed = sample();
    let mine = attest(&sealed, &KEY, TEST, &passed());
    let mut bundles = vec![
        Vec::new(),
        b"{".to_vec(),
        b"garbage".to_vec(),
        b"null".to_vec(),
        vec![0xff; 1000],
        sealed.bundle().to_vec(),
    ];
    bundles.push(attest(&sealed, &OTHER, TEST, &json!("text")));
    bundles.push(attest(&sealed, &KEY, TEST, &json!(null)));
    bundles.push(mine.clone());
    assert_eq!(beside(&require(""), &sealed, &bundles), "strict");
    // Only so many are looked at: more is a refusal, and not a hang.
    let many = |first: &[u8]| [vec![first.to_vec()], vec![b"{}".to_vec(); 256], vec![mine.clone()]].concat();
    assert_eq!(beside(&require(""), &sealed, &many(&mine)), "strict");
    assert_eq!(beside(&require(""), &sealed, &many(b"{}")), MISSING);
}
