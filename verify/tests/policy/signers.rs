//! Whose signatures count, and how many.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::pki::{Draft, Ext, TestKey, der, general};
use lacre_testkit::{ModelDir, Sealed, edit_bundle, resign};
use serde_json::json;

use crate::scene::{KEY, OTHER, base, lay, new_key, of, plain, sample, stanza, verdict, verdict_with};

fn trusting(trust: &str) -> String {
    format!("version = 1\n[[policy]]\nname = \"only\"\n[policy.trust]\n{trust}")
}

#[test]
fn keys_have_terms() {
    let sealed = sample();
    for (lines, expected) in [
        ("", "strict"),
        ("status = \"active\"", "strict"),
        ("status = \"retired\"", "E-KEY-RETIRED"),
        ("status = \"revoked\"", "E-KEY-REVOKED"),
        ("valid-until = 2020-01-01T00:00:00Z", "E-KEY-EXPIRED"),
        ("valid-until = 9000-01-01T00:00:00Z", "strict"),
        ("valid-from = 9000-01-01T00:00:00Z", "E-KEY-EXPIRED"),
        ("valid-from = 2020-01-01T00:00:00Z", "strict"),
    ] {
        for mode in ["enforce", "warn", "audit"] {
            let text = trusting(&stanza("policy.trust", &KEY, lines));
            let text = text.replace("name =", &format!("mode = \"{mode}\"\nname ="));
            assert_eq!(verdict(&text, &sealed), expected, "{lines} {mode}");
        }
    }
    assert_eq!(verdict(&trusting(&stanza("policy.trust", &OTHER, "")), &sealed), "E-SIGNER-UNTRUSTED");
}

#[test]
fn so_many_distinct_signers() {
    let third = new_key();
    let keys = [&*KEY, &*OTHER, &third].map(|key| stanza("policy.trust", key, "")).concat();
    let few = "E-TOO-FEW-SIGNERS";
    for (bundles, wanted) in [(1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 2)] {
        let sealed = sample();
        // The same signer twice is one.
        lay(&sealed, "0", sealed.bundle());
        for (at, key) in [&*OTHER, &third].into_iter().take(bundles - 1).enumerate() {
            lay(&sealed, &format!("{}", at + 1), of(ModelDir::sample()).key(key).sign().bundle());
        }
        let expected = if bundles >= wanted { "strict" } else { few };
        assert_eq!(
            verdict(&trusting(&format!("signers = {wanted}\n{keys}")), &sealed),
            expected,
            "{bundles} {wanted}"
        );
        let warn =
            trusting(&format!("signers = {wanted}\n{keys}")).replace("name =", "mode = \"warn\"\nname =");
        assert_eq!(verdict(&warn, &sealed), expected, "{bundles} {wanted}");
    }
    // Signed by two, of two different contents.
    let sealed = sample();
    lay(&sealed, "1", of(ModelDir::new().file("a.txt", "b")).key(&OTHER).sign().bundle());
    assert_eq!(verdict(&trusting(&format!("signers = 2\n{keys}")), &sealed), few);
}

/// The bundle with a certificate for its key.
fn certified(sealed: &Sealed, name: &str) -> (Vec<u8>, String) {
    let key = TestKey::p256("authority");
    let root = Draft::root("Authority", &key).sign(&key);
    let mut leaf = Draft::leaf("Authority", "Release", &key);
    leaf.spki = sealed.public_key().to_der().to_vec();
    leaf.put(Ext::alternative_names(&[general::uri(name)]));
    let leaf = STANDARD.encode(leaf.sign(&key));
    let bundle = edit_bundle(sealed.bundle(), |bundle| {
        bundle["verificationMaterial"] =
            json!({"x509CertificateChain": {"certificates": [{"rawBytes": leaf}]}, "tlogEntries": []});
    });
    (bundle, der::pem("CERTIFICATE", &root))
}

#[test]
fn certificates() {
    let sealed = sample();
    let (bundle, root) = certified(&sealed, "https://example.com/release");
    sealed.write_bundle(&bundle);
    let authority =
        |lines: &str| trusting(&format!("[[policy.trust.authority]]\nanchors = '''{root}'''\n{lines}\n"));
    for (lines, expected) in [
        ("san = \"https://example.com/release\"", "strict"),
        ("san = [\"https://example.com/other\", \"https://example.com/release\"]", "strict"),
        ("san = \"https://example.com/other\"", "E-IDENTITY-MISMATCH"),
        ("subject = \"CN=Release\"", "strict"),
        ("subject = \"CN=Other\"", "E-IDENTITY-MISMATCH"),
        ("any-identity-danger = true", "strict"),
    ] {
        assert_eq!(verdict(&authority(lines), &sealed), expected, "{lines}");
    }
    // A key that is revoked does not come back with a certificate.
    let revoked =
        authority("any-identity-danger = true") + &stanza("policy.trust", &KEY, "status = \"revoked\"");
    assert_eq!(verdict(&revoked, &sealed), "E-KEY-REVOKED");
    let text = authority("any-identity-danger = true").replace("name =", "cel = \"signers[0].kind == 'certificate' && signers[0].identity == 'https://example.com/release'\"\nname =");
    assert_eq!(verdict(&text, &sealed), "strict");
}

/// Signatures of model-signing 0.2 name no model. The rule says alone whether they count: not the caller.
#[test]
fn signatures_without_a_name() {
    let sealed = sample();
    let subject = |resource: &serde_json::Value| {
        json!({
            "name": resource["name"],
            "digest": {"sha256": resource["digest"]},
            "annotations": {"actual_hash_algorithm": "file-sha256"},
        })
    };
    let resources = sealed.statement()["predicate"]["resources"].clone();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": resources.as_array().unwrap().iter().map(subject).collect::<Vec<_>>(),
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    });
    sealed.write_bundle(&resign(serde_json::to_vec_pretty(&statement).unwrap(), &KEY));
    let named = "name = \"named\"\nmodel = [\"org/*\"]";
    for (lines, asked, expected) in [
        ("", base(), "E-LEGACY"),
        ("", base().allow_legacy_danger(), "E-LEGACY"),
        ("mode = \"warn\"", base().allow_legacy_danger(), "E-LEGACY"),
        ("allow-legacy-danger = true", base(), "strict"),
        ("allow-legacy-danger = true", base().expect_name("org/mini-lm"), "E-LEGACY"),
    ] {
        let key = stanza("policy.trust", &KEY, "");
        let text =
            format!("version = 1\n[[policy]]\n{named}\n{key}\n[[policy]]\nname = \"any\"\n{lines}\n{key}");
        assert_eq!(verdict_with(&text, &sealed, &asked, &plain), expected, "{lines}");
    }
}
