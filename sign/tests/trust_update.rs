//! Updates from a TUF repository, and everything that one can try. The expected outcomes are those of the TUF
//! specification 1.0, section 5.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::time::{Duration, SystemTime};

use lacre_sign::{SignError, SigstoreTrust, TrustConfig, TrustRepository};
use lacre_testkit::places::Peer;
use lacre_testkit::{HttpAnswer, HttpServer, TufDraft, TufRepository};
use serde_json::{Value, json};

const ROOT: &str = "trusted_root.json";
const SIGNING: &str = "signing_config.v0.2.json";
const PAST: &str = "2024-01-01T00:00:00Z";

/// Changes what a role says.
type Edit = fn(&str, &mut Value);

fn both() -> Vec<(&'static str, Vec<u8>)> {
    let trust = SigstoreTrust::built_in();
    vec![
        (ROOT, trust.trusted_root().as_bytes().to_vec()),
        (SIGNING, trust.signing_config().unwrap().as_bytes().to_vec()),
    ]
}

fn draft() -> TufDraft {
    TufDraft::new(both())
}

fn client(repository: &TufRepository) -> TrustRepository {
    TrustRepository::new(&repository.url(), repository.root()).unwrap().patience(Duration::from_secs(5))
}

fn update(repository: &TufRepository, kept: Option<&SigstoreTrust>) -> Result<SigstoreTrust, SignError> {
    client(repository).update(kept, SystemTime::now())
}

/// The code with which a repository that says `draft` is refused by somebody who never asked before.
fn refused(draft: &TufDraft) -> (&'static str, String) {
    let error = update(&TufRepository::start(draft), None).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn what_is_current_is_taken_and_kept() {
    let repository = TufRepository::start(&draft());
    let trust = update(&repository, None).unwrap();
    let built_in = SigstoreTrust::built_in();
    assert_eq!(trust.trusted_root(), built_in.trusted_root());
    assert_eq!(trust.signing_config(), built_in.signing_config());
    assert_eq!((trust.repository(), trust.versions()), (Some(repository.url().as_str()), Some([1; 4])));
    assert!(trust.as_of() > built_in.as_of());
    assert!(TrustConfig::from_trust(&trust).is_ok());

    // The file holds all of it, and the next update starts from it.
    let file = trust.to_json().unwrap();
    let kept = SigstoreTrust::from_json(&file).unwrap();
    assert_eq!(kept, trust);
    assert!(TrustConfig::from_json(&file).is_ok());
    let asked = repository.seen().len();
    let mut next = draft();
    next.versions = [3, 2, 2, 2];
    repository.publish(&next);
    let trust = update(&repository, Some(&kept)).unwrap();
    assert_eq!(trust.versions(), Some([3, 2, 2, 2]));
    let asked: Vec<String> = repository.seen().drain(asked..).map(|request| request.target).collect();
    assert_eq!(asked[..4], ["/2.root.json", "/3.root.json", "/4.root.json", "/timestamp.json"]);

    // Nothing new: the files that are pinned already are not asked for again.
    let asked = repository.seen().len();
    let kept = SigstoreTrust::from_json(&trust.to_json().unwrap()).unwrap();
    assert_eq!(update(&repository, Some(&kept)).unwrap().versions(), Some([3, 2, 2, 2]));
    let asked: Vec<String> = repository.seen().drain(asked..).map(|request| request.target).collect();
    assert!(
        !asked
            .iter()
            .any(|path| path.contains("root.json") && !path.starts_with("/4.") && !path.contains("targets/"))
    );
    assert!(
        !asked.iter().any(|path| path.contains(".snapshot.json") || path.contains(".targets.json")),
        "{asked:?}"
    );
}

#[test]
fn a_repository_may_have_no_signing_configuration() {
    let mut draft = draft();
    draft.targets.truncate(1);
    let trust = update(&TufRepository::start(&draft), None).unwrap();
    assert_eq!(trust.signing_config(), None);
    assert_eq!(TrustConfig::from_trust(&trust).unwrap_err().code(), "E-TRUST-CONFIG");
}

#[test]
fn cve_2022_29173_older_versions_are_refused() {
    let mut now = draft();
    now.versions = [2, 5, 5, 5];
    let repository = TufRepository::start(&now);
    let kept = update(&repository, None).unwrap();
    for older in [[2, 4, 5, 5], [2, 6, 4, 5], [2, 6, 6, 4], [2, 1, 1, 1]] {
        let mut back = draft();
        back.versions = older;
        repository.publish(&back);
        let error = update(&repository, Some(&kept)).unwrap_err();
        assert_eq!(error.code(), "E-ROLLBACK", "{older:?}: {error}");
        // Whoever never asked before cannot know.
        assert!(update(&repository, None).is_ok());
    }
    // The same version with another content is no update: what is known stays.
    let mut other = now.clone();
    other.targets.truncate(1);
    repository.publish(&other);
    let error = update(&repository, Some(&kept)).unwrap_err();
    assert_eq!(error.code(), "E-SERVICE", "{error}");
    assert!(error.to_string().contains(SIGNING), "{error}");
}

#[test]
fn what_is_out_of_date_is_refused() {
    for place in 0..4 {
        let mut old = draft();
        old.expires[place] = PAST;
        let (code, said) = refused(&old);
        assert_eq!(code, "E-METADATA-EXPIRED", "{place}: {said}");
    }
    // What was current once does not stay so: an attacker who withholds every newer file gets no further than its expiry.
    let repository = TufRepository::start(&draft());
    let kept = update(&repository, None).unwrap();
    let later = SystemTime::now() + Duration::from_hours(200 * 365 * 24);
    assert_eq!(client(&repository).update(Some(&kept), later).unwrap_err().code(), "E-METADATA-EXPIRED");
}

#[test]
fn signatures_are_counted_as_the_root_demands() {
    let edits: [(&str, Edit); 6] = [
        ("no signature of the timestamp", |role, file| {
            if role == "timestamp" {
                file["signatures"] = json!([]);
            }
        }),
        ("a signature of the snapshot that is bent", |role, file| {
            if role == "snapshot" {
                file["signatures"][0]["sig"] = "00".repeat(64).into();
            }
        }),
        ("something else under a good signature", |role, file| {
            if role == "targets" {
                file["signed"]["expires"] = "2098-01-01T00:00:00Z".into();
            }
        }),
        ("CVE-2020-15093: one key of the root twice", |role, file| {
            if role == "root" && file["signed"]["version"] == 2 {
                file["signatures"][1] = file["signatures"][0].clone();
            }
        }),
        ("one key of the root under the other's name", |role, file| {
            if role == "root" && file["signed"]["version"] == 2 {
                file["signatures"][1]["sig"] = file["signatures"][0]["sig"].clone();
            }
        }),
        ("one signature of the root of two", |role, file| {
            if role == "root" && file["signed"]["version"] == 2 {
                file["signatures"].as_array_mut().unwrap().pop();
            }
        }),
    ];
    for (what, signed) in edits {
        let mut draft = draft();
        draft.versions[0] = 2;
        draft.signed = signed;
        let (code, said) = refused(&draft);
        assert_eq!(code, "E-TRUST-METADATA", "{what}: {said}");
    }
}

#[test]
fn roots_that_follow_badly() {
    let edits: [(&str, Edit, &str); 4] = [
        (
            "CVE-2025-2885: another version than its name",
            |role, said| {
                if role == "root" && said["version"] == 2 {
                    said["version"] = 3.into();
                }
            },
            "E-ROLLBACK",
        ),
        (
            "CVE-2026-23992: a threshold of nobody",
            |role, said| {
                if role == "root" && said["version"] == 2 {
                    said["roles"]["root"]["threshold"] = 0.into();
                }
            },
            "E-TRUST-METADATA",
        ),
        (
            "a role that is missing",
            |role, said| {
                if role == "root" && said["version"] == 2 {
                    said["roles"].as_object_mut().unwrap().remove("timestamp");
                }
            },
            "E-TRUST-METADATA",
        ),
        (
            "another kind of file",
            |role, said| {
                if role == "root" && said["version"] == 2 {
                    said["_type"] = "snapshot".into();
                }
            },
            "E-TRUST-METADATA",
        ),
    ];
    for (what, said, code) in edits {
        let mut draft = draft();
        draft.versions[0] = 2;
        draft.said = said;
        let (found, text) = refused(&draft);
        assert_eq!(found, code, "{what}: {text}");
    }
    // The root of another repository is a beginning of nothing here.
    let (one, other) = (TufRepository::start(&draft()), TufRepository::start(&draft()));
    let mixed = TrustRepository::new(&one.url(), other.root()).unwrap();
    assert_eq!(mixed.update(None, SystemTime::now()).unwrap_err().code(), "E-TRUST-METADATA");
    for nothing in [&b""[..], b"{}", b"[]", b"{\"signed\":{},\"signatures\":[]}"] {
        let error = TrustRepository::new(&one.url(), nothing.to_vec()).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-METADATA", "{error}");
    }
}

#[test]
fn pysec_2020_146_roots_without_end() {
    let mut draft = draft();
    draft.versions[0] = 60;
    let repository = TufRepository::start(&draft);
    let error = update(&repository, None).unwrap_err();
    assert_eq!(error.code(), "E-SERVICE", "{error}");
    assert!(repository.seen().len() <= 40, "{}", repository.seen().len());
}

#[test]
fn files_must_be_what_is_pinned() {
    let repository = TufRepository::start(&draft());
    update(&repository, None).unwrap();
    let targets: Vec<String> = repository
        .seen()
        .into_iter()
        .map(|request| request.target)
        .filter(|it| it.contains("/targets/"))
        .collect();
    assert_eq!(targets.len(), 2);
    for path in &targets {
        let long = vec![b' '; 2 << 20];
        for (body, code) in
            [(b"{}".to_vec(), "E-TRUST-METADATA"), (Vec::new(), "E-TRUST-METADATA"), (long, "E-SERVICE")]
        {
            repository.publish(&draft());
            repository.answer(path, HttpAnswer::Full(200, "application/json", body));
            let error = update(&repository, None).unwrap_err();
            assert_eq!(error.code(), code, "{path}: {error}");
        }
    }
    // A snapshot of another time, and one that is no JSON.
    for body in [b"{\"signed\":{},\"signatures\":[]}".to_vec(), b"[[[[".to_vec(), vec![0xff; 10]] {
        repository.publish(&draft());
        repository.answer("/1.snapshot.json", HttpAnswer::Full(200, "application/json", body));
        assert_eq!(update(&repository, None).unwrap_err().code(), "E-TRUST-METADATA");
    }
}

#[test]
fn repositories_that_answer_badly() {
    for (answer, code) in [
        (HttpAnswer::Full(500, "text/plain", b"\x1b[2Jout of order".to_vec()), "E-SERVICE"),
        (HttpAnswer::Full(403, "text/html", b"<html>".to_vec()), "E-SERVICE"),
        (HttpAnswer::Full(200, "text/html", b"<html>Sign in</html>".to_vec()), "E-TRUST-METADATA"),
        (HttpAnswer::Full(404, "text/plain", Vec::new()), "E-SERVICE"),
        (HttpAnswer::Redirect("http://127.0.0.1:1/".to_owned()), "E-SERVICE"),
        (HttpAnswer::Endless, "E-SERVICE"),
        (HttpAnswer::HangUp, "E-NETWORK"),
        (HttpAnswer::Silence, "E-NETWORK"),
    ] {
        let repository = TufRepository::start(&draft());
        let shown = format!("{answer:?}");
        repository.answer("/timestamp.json", answer);
        let client = client(&repository).patience(Duration::from_secs(1));
        let error = client.update(None, SystemTime::now()).unwrap_err();
        assert_eq!(error.code(), code, "{shown}: {error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
}

#[test]
fn pysec_2021_376_names_lead_nowhere() {
    let mut hostile = draft();
    hostile.targets.clear();
    hostile.said = |role, said| {
        const NAMES: [&str; 4] = ["../../evil", "..", "/etc/x", "a?b#c"];
        let key = "00".repeat(32);
        match role {
            "targets" => {
                let roles = NAMES.map(
                    |name| json!({"name": name, "keyids": [key], "threshold": 1, "terminating": false, "paths": ["*"]}),
                );
                let public = json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key}});
                said["delegations"] = json!({"keys": {key: public}, "roles": roles});
            }
            "snapshot" => {
                for name in NAMES {
                    said["meta"][format!("{name}.json")] = json!({"version": 1});
                }
            }
            _ => {}
        }
    };
    let repository = TufRepository::start(&hostile);
    let error = update(&repository, None).unwrap_err();
    assert_eq!(error.code(), "E-SERVICE", "{error}");
    assert!(
        repository.seen().iter().all(|request| !request.target.contains("evil")),
        "{:?}",
        repository.seen()
    );
}

#[test]
fn what_is_proven_must_be_of_use_too() {
    for (place, text) in [(0, "{}"), (0, "[]"), (0, "\u{0}"), (1, "{}")] {
        let mut draft = draft();
        draft.targets[place].1 = text.as_bytes().to_vec();
        let (code, said) = refused(&draft);
        assert_eq!(code, "E-TRUST-CONFIG", "{said}");
    }
    let mut none = draft();
    none.targets.remove(0);
    let (code, said) = refused(&none);
    assert_eq!(code, "E-SERVICE");
    assert!(said.contains(ROOT), "{said}");
}

#[test]
fn files_that_are_damaged_are_not_read() {
    let file = update(&TufRepository::start(&draft()), None).unwrap().to_json().unwrap();
    let with = |edit: fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&file).unwrap();
        edit(&mut value);
        serde_json::to_vec(&value).unwrap()
    };
    for text in [
        Vec::new(),
        b"{}".to_vec(),
        file[..file.len() / 2].to_vec(),
        with(|file| file["trustedRoot"] = "{}".into()),
        with(|file| file["mediaType"] = "application/json".into()),
        with(|file| file["more"] = 1.into()),
        with(|file| file["asOf"] = "yesterday".into()),
        with(|file| drop(file.as_object_mut().unwrap().remove("trustedRoot"))),
    ] {
        assert_eq!(SigstoreTrust::from_json(&text).unwrap_err().code(), "E-TRUST-CONFIG");
    }
    assert!(SigstoreTrust::built_in().to_json().is_none());
}

/// A repository as python-tuf writes it: two roots with other keys, and the targets in a delegated role.
const PYTHON: &str = r#"
import sys, datetime, pathlib
from tuf.api.metadata import *
from securesystemslib.signer import CryptoSigner
out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
(out / "targets").mkdir(parents=True)
expires = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
signer = {r: CryptoSigner.generate_ecdsa() for r in ["root", "timestamp", "snapshot", "targets", "sigstore"]}
new_root = CryptoSigner.generate_ed25519()
targets = Targets(expires=expires)
keyid = signer["sigstore"].public_key.keyid
targets.delegations = Delegations({keyid: signer["sigstore"].public_key},
    {"sigstore": DelegatedRole("sigstore", [keyid], 1, True, paths=["*.json"])})
delegated = Targets(expires=expires)
for name in ["trusted_root.json", "signing_config.v0.2.json"]:
    info = TargetFile.from_file(name, str(folder / name), ["sha256"])
    delegated.targets[name] = info
    (out / "targets" / f"{info.hashes['sha256']}.{name}").write_bytes((folder / name).read_bytes())
snapshot = Snapshot(expires=expires)
snapshot.meta["sigstore.json"] = MetaFile(1)
timestamp = Timestamp(expires=expires)
root = Root(expires=expires, consistent_snapshot=True)
for r in ["root", "timestamp", "snapshot", "targets"]:
    root.add_key(signer[r].public_key, r)
def write(signed, name, *signers):
    md = Metadata(signed)
    for s in signers:
        md.sign(s, append=True)
    md.to_file(str(out / name))
write(root, "1.root.json", signer["root"])
root.version = 2
root.add_key(new_root.public_key, "root")
root.revoke_key(signer["root"].public_key.keyid, "root")
write(root, "2.root.json", signer["root"], new_root)
write(delegated, "1.sigstore.json", signer["sigstore"])
write(targets, "1.targets.json", signer["targets"])
write(snapshot, "1.snapshot.json", signer["snapshot"])
write(timestamp, "timestamp.json", signer["timestamp"])
"#;

#[test]
fn a_repository_of_python_tuf() {
    let Some(python) = Peer::Python.find() else { return };
    let folder = lacre_testkit::ModelDir::new();
    let folder = both().into_iter().fold(folder, |folder, (name, bytes)| folder.file(name, bytes));
    let out = folder.beside("repository");
    let output = std::process::Command::new(python)
        .args(["-c", PYTHON])
        .arg(&out)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let root = std::fs::read(out.join("1.root.json")).unwrap();
    let server = HttpServer::start(move |request| match std::fs::read(out.join(&request.target[1..])) {
        Ok(bytes) => HttpAnswer::Full(200, "application/json", bytes),
        Err(_) => HttpAnswer::Full(404, "text/plain", Vec::new()),
    });
    let repository = TrustRepository::new(&server.url(), root).unwrap();
    let trust = repository.update(None, SystemTime::now()).unwrap();
    assert_eq!(trust.versions(), Some([2, 1, 1, 1]));
    assert_eq!(trust.trusted_root(), SigstoreTrust::built_in().trusted_root());
    let kept = SigstoreTrust::from_json(&trust.to_json().unwrap()).unwrap();
    assert_eq!(repository.update(Some(&kept), SystemTime::now()).unwrap().versions(), Some([2, 1, 1, 1]));
}
