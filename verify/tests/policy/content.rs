//! What the content must be.

use lacre_attest::KeyAlgorithm;
use lacre_testkit::{ModelDir, SafetensorsFile, Seal, Sealed};
use lacre_verify::Prove;

use crate::scene::{base, load, of, plain, rule, stanza, table, verdict, verdict_with};

fn gguf() -> Vec<u8> {
    [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &[0; 24]].concat()
}

fn with(name: &str, content: impl AsRef<[u8]>) -> Sealed {
    of(ModelDir::new().file("config.json", "{}").file(name, content)).sign()
}

#[test]
fn weights_are_told_from_their_bytes() {
    let (tensors, both) = ("formats = [\"safetensors\"]", "formats = [\"safetensors\", \"gguf\"]");
    let st = SafetensorsFile::sample().build();
    let refused = "E-POLICY-FORMAT";
    for (name, content, lines, expected) in [
        ("a.safetensors", st.clone(), tensors, "strict"),
        ("a.bin", st.clone(), tensors, "strict"),
        ("a.safetensors", gguf(), tensors, refused),
        ("a.gguf", gguf(), tensors, refused),
        ("a.gguf", gguf(), both, "strict"),
        ("a.gguf", gguf(), "formats = [\"gguf\"]", "strict"),
        ("a.safetensors", st.clone(), "formats = [\"gguf\"]", refused),
        ("a.gguf", b"GGUF\x01\0\0\0\0".to_vec(), both, refused),
        ("a.safetensors", st[..st.len() - 1].to_vec(), both, refused),
        ("a.safetensors", [&st[..], b"more"].concat(), both, refused),
        ("a.safetensors", b"\x80\x04\x95".to_vec(), both, refused),
        ("a.bin", b"\x80\x04\x95".to_vec(), both, refused),
        ("a.zip", b"PK\x03\x04".to_vec(), both, refused),
        ("a.json", b"\x80\x04\x95".to_vec(), both, refused),
        ("a.json", b"{\0}".to_vec(), both, refused),
        ("a.json", b"{}".to_vec(), both, "strict"),
        ("README", b"text".to_vec(), both, "strict"),
        ("deep/er/NOTES.MD", b"text".to_vec(), both, "strict"),
        ("model.py", b"print()".to_vec(), both, refused),
        ("run.sh", b"true".to_vec(), both, refused),
        ("a.pkl", b"cos\nsystem\n".to_vec(), both, refused),
        ("a.png", b"\x89PNG".to_vec(), both, refused),
        ("empty", Vec::new(), both, refused),
    ] {
        assert_eq!(verdict(&rule(lines, ""), &with(name, &content)), expected, "{name} {lines}");
    }
    let png = with("art/a.png", b"\x89PNG");
    for (lines, expected) in [
        ("formats = [\"gguf\"]\nother-files = [\"art/*\"]", "strict"),
        ("formats = [\"gguf\"]\nother-files = [\"**\"]", "strict"),
        ("formats = [\"gguf\"]\nother-files = [\"*.png\"]", refused),
        ("mode = \"warn\"\nformats = [\"gguf\"]", "waived E-POLICY-FORMAT"),
        ("mode = \"audit\"\nformats = [\"gguf\"]", "waived E-POLICY-FORMAT"),
    ] {
        assert_eq!(verdict(&rule(lines, ""), &png), expected, "{lines}");
    }
}

/// A signature without BLAKE3, as other tools make them.
fn sha256_alone() -> Sealed {
    let sealed = of(ModelDir::sample()).sign();
    let bundle = sealed.resigned(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().retain(|name, _| name == "sha256");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource
                .as_object_mut()
                .unwrap()
                .retain(|name, _| ["algorithm", "digest", "name"].contains(&name.as_str()));
        }
    });
    sealed.write_bundle(&bundle);
    sealed
}

#[test]
fn digests() {
    let sealed = of(ModelDir::sample()).sign();
    table(
        &sealed,
        &[
            ("digests = [\"blake3\"]", "", "strict"),
            ("digests = [\"sha256\"]", "", "strict"),
            ("digests = [\"sha256\", \"blake3\"]", "", "strict"),
            ("digests = [\"blake2b\"]", "", "E-POLICY-DIGEST"),
        ],
    );
    let foreign = sha256_alone();
    table(
        &foreign,
        &[
            ("digests = [\"sha256\"]", "", "strict"),
            ("digests = [\"blake3\"]", "", "E-POLICY-DIGEST"),
            ("mode = \"warn\"\ndigests = [\"blake3\"]", "", "waived E-POLICY-DIGEST"),
            ("mode = \"audit\"\ndigests = [\"blake3\", \"blake2b\"]", "", "waived E-POLICY-DIGEST"),
        ],
    );
}

#[test]
fn what_counts_is_what_proves() {
    let sealed = of(ModelDir::sample()).sign();
    for (lines, asked, by) in [
        ("", Prove::Quickest, "BLAKE3"),
        ("digests = [\"sha256\"]", Prove::Quickest, "SHA-256"),
        ("digests = [\"blake3\"]", Prove::Sha256, "SHA-256 and BLAKE3"),
        ("digests = [\"sha256\"]", Prove::Blake3, "SHA-256 and BLAKE3"),
        ("digests = [\"sha256\", \"blake3\"]", Prove::Sha256, "SHA-256"),
    ] {
        let policy = load(&rule(lines, "")).toml;
        let passed = crate::scene::admit(&policy, &sealed, &base().prove(asked), &plain).unwrap();
        let proven = passed.model.strict().unwrap().report().proven_by.unwrap();
        assert_eq!(proven.to_string(), by, "{lines} {asked:?}");
    }
}

#[test]
fn keys_of_other_algorithms() {
    for algorithm in KeyAlgorithm::ALL {
        let sealed = Seal::of(ModelDir::sample()).algorithm(algorithm).sign();
        for other in KeyAlgorithm::ALL {
            let key = stanza("policy.trust", sealed.key(), "");
            let text =
                format!("version = 1\n[[policy]]\nname = \"a\"\nkey-algorithms = [\"{other}\"]\n{key}");
            let expected = if algorithm == other { "strict" } else { "E-POLICY-KEY-ALGORITHM" };
            assert_eq!(verdict(&text, &sealed), expected, "{algorithm} {other}");
        }
    }
}

#[test]
fn strict_is_about_everything_that_is_there() {
    let no_modes = of(ModelDir::sample()).without_modes().sign();
    let ignoring = || of(ModelDir::sample().file(".git/HEAD", "ref")).ignore(&[".git"]).sign();
    for (sealed, lax, strict) in [
        (of(ModelDir::sample()).sign(), "strict", "strict"),
        (no_modes, "strict", "E-MODES-NOT-SIGNED"),
        (ignoring(), "strict", "E-EXCLUDED"),
    ] {
        for (lines, expected) in [
            ("", lax),
            ("strict = false", lax),
            ("strict = true", strict),
            // What is there and not signed is not a demand that a mode waives.
            ("mode = \"warn\"\nstrict = true", strict),
        ] {
            assert_eq!(verdict(&rule(lines, ""), &sealed), expected, "{lines}");
        }
        // The caller may want more, and gets it.
        assert_eq!(verdict_with(&rule("", ""), &sealed, &base().strict(), &plain), strict);
    }
}

#[test]
fn expressions_about_the_model() {
    let sealed = of(ModelDir::sample()).sign();
    let error = "E-POLICY-EVALUATION";
    for (cel, expected) in [
        ("artifact.name == 'org/mini-lm'", "strict"),
        ("artifact.name == 'org/other'", "E-POLICY-EXPRESSION"),
        ("artifact.version == '1.0.0'", "strict"),
        ("artifact.files > 0 && artifact.bytes > 0", "strict"),
        ("artifact.files + 1 > 1", "strict"),
        ("artifact.identity.size() == 64 && artifact.root.size() == 64", "strict"),
        ("artifact.repository == null && artifact.manifest == null", "strict"),
        ("release == null", "strict"),
        ("signers.size() == 1", "strict"),
        ("signers.all(s, s.kind == 'key')", "strict"),
        ("signers.exists(s, s.algorithm == 'ed25519')", "E-POLICY-EXPRESSION"),
        ("now > 1700000000", "strict"),
        ("false", "E-POLICY-EXPRESSION"),
        ("artifact.nothing == 1", error),
        ("artifact.name", error),
        ("1", error),
        ("release.version == '1'", error),
        ("1 / 0 == 1", error),
        ("artifact.name + 1 == ''", error),
        ("signers[7].kind == 'key'", error),
    ] {
        let lines = format!("cel = \"{cel}\"");
        assert_eq!(verdict(&rule(&lines, ""), &sealed), expected, "{cel}");
        let waived = if expected == "strict" { expected.to_owned() } else { format!("waived {expected}") };
        assert_eq!(verdict(&rule(&format!("mode = \"warn\"\n{lines}"), ""), &sealed), waived, "{cel}");
    }
}
