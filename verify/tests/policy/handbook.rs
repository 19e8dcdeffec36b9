//! The examples of the handbook load.

use crate::scene::{KEY, OTHER, load_at, pem};

#[test]
fn every_example_loads() {
    let handbook = include_str!("../../../docs/POLICY.md");
    let folder = tempfile::tempdir().unwrap();
    for (name, key) in [("release.pub", &KEY), ("security.pub", &OTHER)] {
        std::fs::write(folder.path().join(name), pem(key)).unwrap();
    }
    let examples = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        let blocks = handbook.split(fence.as_str()).skip(1);
        blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let (toml, json) = (examples("toml"), examples("json"));
    assert!(toml.len() >= 2 && !json.is_empty());
    for text in toml {
        load_at(&text, &folder.path().join("policy.toml"));
    }
    for text in json {
        lacre_verify::Policy::parse(&text, &folder.path().join("policy.json")).unwrap();
    }
}

/// Every member and every code stands in it.
#[test]
fn it_names_every_member_and_code() {
    let handbook = include_str!("../../../docs/POLICY.md");
    let schema: serde_json::Value = serde_json::from_str(lacre_verify::POLICY_SCHEMA).unwrap();
    for part in ["rule", "require", "release"] {
        for member in schema["$defs"][part]["properties"].as_object().unwrap().keys() {
            let named = [format!("`{member}`"), format!("[policy.{member}]")]
                .iter()
                .any(|name| handbook.contains(name));
            assert!(named, "{member}");
        }
    }
    for code in lacre_verify::CODES.iter().filter(|code| code.starts_with("E-POLICY-")) {
        assert!(handbook.contains(code), "{code}");
    }
}
