use std::time::{Duration, SystemTime};

use super::*;
use crate::{KeyStatus, PublicKey, TrustedKey};

fn pem() -> String {
    lacre_testkit::Sealed::sample().public_key().to_pem().to_owned()
}

fn read(text: &str) -> Result<Trust, VerifyError> {
    Trust::parse(text, Path::new("/nowhere/trust.toml"))
}

fn with(key: &str) -> String {
    format!("version = 1\n\n[[key]]\npublic-key = \"\"\"\n{}\"\"\"\n{key}\n", pem())
}

#[test]
fn reads_every_part() {
    let text = with(
        "valid-from = 2026-01-01T00:00:00Z\nvalid-until = 2026-06-01T02:00:00+02:00\nstatus = \"retired\"",
    );
    let trust = read(&text.replace("version = 1", "version = 1\nsigners = 3")).unwrap();
    assert_eq!(trust.wanted_signers().get(), 3);
    // `date -u -d 2026-01-01T00:00:00Z +%s` and `date -u -d 2026-06-01T00:00:00Z +%s`.
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let key = PublicKey::from_pem(&pem_of(&trust)).unwrap();
    let wanted = TrustedKey::new(key).status(KeyStatus::Retired);
    assert_eq!(trust.trusted_keys(), [wanted.valid_from(at(1_767_225_600)).valid_until(at(1_780_272_000))]);
    assert_eq!(read(&with("")).unwrap().wanted_signers().get(), 1);
}

fn pem_of(trust: &Trust) -> String {
    trust.trusted_keys()[0].key().to_pem().to_owned()
}

#[test]
fn what_is_not_known_is_refused_with_its_line() {
    for (text, line) in [
        (with("status = \"retierd\""), 10),
        (with("statuss = \"retired\""), 10),
        (with("valid-until = 2026-01-01"), 4),
        (with("valid-until = 2026-01-01T00:00:00"), 4),
        (with("valid-from = 2026-01-02T00:00:00Z\nvalid-until = 2026-01-01T00:00:00Z"), 4),
        ("version = 1\nsigners = 0\n".to_owned(), 2),
        ("version = 1\nkeys = []\n".to_owned(), 2),
        ("version = 1\n[[key]]\npublic-key = \"-----BEGIN PUBLIC KEY-----\"".to_owned(), 3),
        ("version = 1\n[[key]]\nstatus = \"active\"\n".to_owned(), 2),
        ("version = 1\nversion = 1\n".to_owned(), 2),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-FILE", "{text}");
        assert!(error.to_string().contains(&format!("line {line}")), "{error}\n{text}");
    }
    assert_eq!(read("version = 2").unwrap_err().code(), "E-TRUST-FILE");
    assert_eq!(read("").unwrap_err().code(), "E-TRUST-FILE");
    assert_eq!(read("version = 1").unwrap_err().code(), "E-USAGE", "it trusts nobody");
}

#[test]
fn keys_are_looked_for_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/release.pub"), pem()).unwrap();
    let path = folder.path().join("trust.toml");
    let write = |key: &str| {
        std::fs::write(&path, format!("version = 1\n[[key]]\npublic-key = \"{key}\"\n")).unwrap();
        Trust::read(&path)
    };
    assert!(write("keys/release.pub").is_ok());
    assert_eq!(write("release.pub").unwrap_err().code(), "E-NOT-FOUND");
    assert_eq!(write("trust.toml").unwrap_err().code(), "E-TRUST-FILE");
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(Trust::read(&path).unwrap_err().code(), "E-TRUST-FILE");
    assert_eq!(Trust::read(&folder.path().join("no.toml")).unwrap_err().code(), "E-NOT-FOUND");
}

/// What a build with certificates and Sigstore reads.
#[cfg(all(feature = "sigstore", feature = "x509"))]
mod of_all_kinds {
    use lacre_testkit::pki::{Draft, RevocationDraft, TestKey, der};

    use super::*;
    use crate::identity::CertificateIdentity;

    /// A folder with everything that a trust file can name.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let key = TestKey::p384("root");
        write("root.pem", der::pem("CERTIFICATE", &Draft::root("Root", &key).sign(&key)).as_bytes());
        write("tsa.pem", der::pem("CERTIFICATE", &Draft::root("TSA", &key).sign(&key)).as_bytes());
        write("root.crl", der::pem("X509 CRL", &RevocationDraft::new("Root").sign(&key)).as_bytes());
        write("release.pub", pem().as_bytes());
        write("bytes", &[0xff, 0xfe]);
        folder
    }

    const ALL: &str = r#"version = 1
signers = 3
trusted-root = "public-good"

[[key]]
public-key = "release.pub"

[[authority]]
anchors = ["root.pem", "tsa.pem"]
san = ["https://example.com/release", "release@example.com"]
subject = "CN=Release,O=Example"
spki = "8d0b4818814fef787aef944f9d4b9ce497458de941927d35b6fe2b69f6368181"
crls = "root.crl"

[[authority]]
anchors = "root.pem"
any-identity-danger = true

[[keyless]]
issuer = "https://accounts.example.com"
identity = "release@example.com"
identity-regex = [".*@example[.]com"]
ci = { repository = "https://github.com/org/repo", ref = "refs/heads/main" }

[[keyless]]
issuer = "https://other.example.com"
identity = "release@example.com"
trusted-root = "public-good"

[[timestamp-authority]]
chain = "tsa.pem"
"#;

    #[test]
    fn a_file_holds_them_together() {
        let folder = folder();
        let trust = Trust::parse(ALL, &folder.path().join("trust.toml")).unwrap();
        assert_eq!(trust.wanted_signers().get(), 3);
        assert_eq!(trust.trusted_keys().len(), 1);
        let [first, second] = trust.authorities() else { panic!("{trust:?}") };
        assert_eq!(first.identities.len(), 4);
        assert!(first.crls.is_some() && second.crls.is_none());
        assert_eq!(second.identities, [CertificateIdentity::AnyDanger]);
        // One root is asked once, about everybody.
        let [keyless] = trust.keyless_signers() else { panic!("{trust:?}") };
        assert_eq!(keyless.identities.len(), 3);
        assert_eq!(keyless.identities[1].ci().len(), 2);
        assert_eq!(trust.witnesses().len(), 1);
        assert!(!trust.timestamp_authorities().is_empty());
    }

    /// Each is a change of one line of the file above, and the line that is blamed.
    #[test]
    fn what_is_there_in_part_or_misspelled_is_refused() {
        let folder = folder();
        let path = folder.path().join("trust.toml");
        for (old, new, line) in [
            // CVE-2022-35930: an entry that names nobody must not let everybody in.
            ("any-identity-danger = true", "", 16),
            ("any-identity-danger = true", "any-identity-danger = false", 16),
            ("any-identity-danger = true", "any-identity = true", 17),
            ("any-identity-danger = true", "any-identity-danger = true\nsan = \"x\"", 16),
            ("any-identity-danger = true", "san = []", 17),
            ("any-identity-danger = true", "san = [\"\"]", 17),
            ("any-identity-danger = true", "spki = \"00\"", 17),
            ("anchors = [\"root.pem\", \"tsa.pem\"]", "anchors = []", 9),
            ("anchors = [\"root.pem\", \"tsa.pem\"]", "", 8),
            ("anchors = [\"root.pem\", \"tsa.pem\"]", "anchors = \"release.pub\"", 9),
            ("anchors = [\"root.pem\", \"tsa.pem\"]", "anchors = \"bytes\"", 9),
            ("crls = \"root.crl\"", "crls = []", 13),
            ("crls = \"root.crl\"", "crl = \"root.crl\"", 13),
            ("crls = \"root.crl\"", "crls = \"root.pem\"", 13),
            ("issuer = \"https://accounts.example.com\"", "", 19),
            ("issuer = \"https://accounts.example.com\"", "issuer = \"\"", 20),
            ("identity-regex = [\".*@example[.]com\"]", "identity-regexp = \".*\"", 22),
            ("identity-regex = [\".*@example[.]com\"]", "identity-regex = \"a)|(b\"", 22),
            ("identity-regex = [\".*@example[.]com\"]", "any-identity-danger = true", 20),
            ("ci = { repository", "ci = { repo", 20),
            ("ref = \"refs/heads/main\"", "ref = \"\"", 23),
            ("ref = \"refs/heads/main\"", "repository = \"x\"", 23),
            ("trusted-root = \"public-good\"\n\n[[time", "trusted-root = \"root.pem\"\n\n[[time", 28),
            ("trusted-root = \"public-good\"\n\n[[key]]", "trusted-root = \"{}\"\n\n[[key]]", 3),
            ("chain = \"tsa.pem\"", "chain = \"release.pub\"", 31),
            ("chain = \"tsa.pem\"", "chain = []", 31),
            ("[[timestamp-authority]]", "[[timestamp-authorities]]", 30),
            ("[[timestamp-authority]]", "[timestamp-authority]", 30),
        ] {
            assert!(ALL.contains(old), "{old}");
            let text = ALL.replacen(old, new, 1);
            let error = Trust::parse(&text, &path).unwrap_err();
            assert_eq!(error.code(), "E-TRUST-FILE", "{old} -> {new}");
            assert!(error.to_string().contains(&format!("line {line}:")), "{old} -> {new}: {error}");
        }
        let issuer_alone = ALL.replacen("identity = \"release@example.com\"\ntrusted", "trusted", 1);
        let error = Trust::parse(&issuer_alone, &path).unwrap_err();
        assert!(error.to_string().contains("line 26: an issuer knows many"), "{error}");
        let missing = ALL.replacen("root.crl", "no.crl", 1);
        assert_eq!(Trust::parse(&missing, &path).unwrap_err().code(), "E-NOT-FOUND");
        let witnesses = "version = 1\ntrusted-root = \"public-good\"\n";
        assert_eq!(Trust::parse(witnesses, &path).unwrap_err().code(), "E-USAGE", "a witness signs nothing");
    }

    #[test]
    fn what_it_names_is_bounded() {
        let folder = folder();
        let big = std::fs::File::create(folder.path().join("big")).unwrap();
        big.set_len((64 << 20) + 1).unwrap();
        let text = ALL.replacen("root.crl", "big", 1);
        let error = Trust::parse(&text, &folder.path().join("trust.toml")).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-FILE");
        assert!(error.to_string().contains("more than 67108864 bytes"), "{error}");
    }
}
