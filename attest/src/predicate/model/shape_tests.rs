//! What is signed of a model beside names and bytes.

use serde_json::{Value, json};

use super::tests::{code, manifest_of, named, path, plain, read, read_bytes, with, without};
use super::*;

#[test]
fn executable_files_and_empty_folders_are_signed_facts() {
    let claim = ModelClaim::new("m", None, manifest_of(&plain()), vec![path("tmp")]).unwrap();
    let shaped = claim.clone().with_shape(vec![path("b")], vec![path("logs"), path("a.d/x")]).unwrap();
    let written: Value = serde_json::from_slice(&shaped.to_statement().unwrap()).unwrap();
    assert_eq!(
        written["subject"][0]["annotations"],
        json!({"emptyFolders": ["a.d/x", "logs"], "executable": ["b"]})
    );
    assert_eq!(read(&written), Ok(shaped));
    // That there are none is a fact, too.
    let none = claim.clone().with_shape(Vec::new(), Vec::new()).unwrap();
    let written: Value = serde_json::from_slice(&none.to_statement().unwrap()).unwrap();
    assert_eq!(written["subject"][0]["annotations"], json!({"emptyFolders": [], "executable": []}));
    assert_eq!(read(&written), Ok(none.clone()));
    assert_ne!(none, claim);
    assert_eq!(claim.shape(), None);
    let code = |outcome: Result<ModelClaim, AttestError>| outcome.map_or_else(|error| error.code(), |_| "ok");
    assert_eq!(code(claim.clone().with_shape(vec![path("c")], Vec::new())), "E-STATEMENT");
    assert_eq!(code(claim.clone().with_shape(Vec::new(), vec![path("tmp/x")])), "E-IGNORE");
    assert_eq!(code(none.not_inspected()), "E-PREDICATE");
    assert_eq!(
        code(claim.not_inspected().and_then(|claim| claim.with_shape(Vec::new(), Vec::new()))),
        "E-STATEMENT"
    );
}

#[test]
fn signed_lists_of_names_have_one_form() {
    let lists = |executable: &Value, folders: &Value| {
        let annotations = json!({"executable": executable, "emptyFolders": folders});
        let statement = with(plain(), "/subject/0/annotations", annotations);
        with(statement, "/predicate/serialization/ignore_paths", json!(["tmp", "var/tmp"]))
    };
    for (executable, folders, expected) in [
        (json!(["a", "b"]), json!(["c", "d/e"]), "ok"),
        (json!(["b", "a"]), json!([]), "E-STATEMENT"),
        (json!([]), json!(["d", "c"]), "E-STATEMENT"),
        (json!(["a", "a"]), json!([]), "E-DUPLICATE-NAME"),
        (json!([]), json!(["c", "c"]), "E-DUPLICATE-NAME"),
        (json!(["c"]), json!([]), "E-STATEMENT"),
        (json!(["../a"]), json!([]), "E-PATH"),
        (json!([]), json!(["../c"]), "E-PATH"),
        (json!([]), json!(["c/"]), "E-PATH"),
        (json!([]), json!([""]), "E-PATH"),
        (json!([]), json!(["/"]), "E-PATH"),
        (json!([]), json!(["."]), "E-PATH"),
        (json!([]), json!(["a"]), "E-NAME-COLLISION"),
        (json!([]), json!(["A"]), "E-NAME-COLLISION"),
        (json!([]), json!(["a/x"]), "E-NAME-COLLISION"),
        (json!([]), json!(["C", "c"]), "E-NAME-COLLISION"),
        (json!([]), json!(["c", "c/d"]), "E-NAME-COLLISION"),
        (json!([]), json!(["tmp"]), "E-IGNORE"),
        (json!([]), json!(["tmp/x"]), "E-IGNORE"),
        (json!([]), json!(["var/tmp"]), "E-IGNORE"),
        (json!([]), json!(["var/tmpx"]), "ok"),
        (json!(null), json!([]), "E-STATEMENT"),
        (json!([]), json!({}), "E-STATEMENT"),
        (json!(["a", 1]), json!([]), "E-STATEMENT"),
        (json!("a"), json!([]), "E-STATEMENT"),
    ] {
        assert_eq!(code(&lists(&executable, &folders)), expected, "{executable}, {folders}");
    }
    // One without the other says half.
    for member in ["executable", "emptyFolders"] {
        let half = without(lists(&json!([]), &json!([])), &format!("/subject/0/annotations/{member}"));
        assert_eq!(code(&half), "E-STATEMENT", "without {member}");
    }
    // Who did not look cannot know.
    let mut unseen = lists(&json!([]), &json!([]));
    unseen["subject"][0]["annotations"]["content"] = json!("not-inspected");
    assert_eq!(code(&unseen), "E-STATEMENT");
    let itself = with(
        lists(&json!([]), &json!([])),
        "/predicate/resources",
        named(&["."])["predicate"]["resources"].clone(),
    );
    let itself = with(itself, "/subject/0/digest", named(&["."])["subject"][0]["digest"].clone());
    assert_eq!(code(&itself), "E-STATEMENT");
}

/// On some file systems every file is executable.
#[test]
fn a_list_of_names_may_be_long() {
    let names: Vec<String> =
        (0..3000).map(|number| format!("weights/a-rather-long-name-{number:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let manifest = manifest_of(&named(&names));
    let all = manifest.entries().iter().map(|entry| entry.path.clone()).collect();
    let claim =
        ModelClaim::new("m", None, manifest, Vec::new()).unwrap().with_shape(all, Vec::new()).unwrap();
    assert_eq!(read_bytes(&claim.to_statement().unwrap()), Ok(claim));
}
