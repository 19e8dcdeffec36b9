//! `policy check` and `policy schema`.

use serde_json::Value;

use super::{bench, policy, result};

#[test]
fn a_policy_is_told_in_words() {
    let bench = bench();
    let key = result(&bench, "key show k.pub")["hint"].clone();
    policy(
        &bench,
        "p.toml",
        "mode = \"warn\"\nmodel = [\"org/*\"]\nrepository = [\"registry.test/**\"]\nstrict = true\nmax-age = \"90d\"",
    );
    let found = result(&bench, "policy check p.toml");
    let rule = &found["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["mode"], &rule["models"][0]),
        (&"only".into(), &"warn".into(), &"org/*".into())
    );
    assert_eq!(rule["repositories"][0], "registry.test/**");
    assert!(rule["trusts"][0].as_str().unwrap().contains("ecdsa-p256 key sha256:"), "{rule} {key}");
    assert_eq!(rule["demands"], serde_json::json!(["the model was signed at most 90d ago"]));
    assert_eq!(rule["never_waived"].as_array().unwrap().len(), 2, "{rule}");
    let digest = lacre_hash::Sha256Digest::of(&bench.read("p.toml")).to_string();
    assert_eq!(found["sha256"], digest);
    let said = bench.good("policy check p.toml");
    for words in [
        "loads p.toml, 1 rule\n",
        "org/*",
        "registry.test/**",
        "warn: ",
        "at most 90d ago",
        "nothing unsigned",
    ] {
        assert!(said.stdout.contains(words), "{words} in {said:?}");
    }
}

#[test]
fn the_schema_accepts_what_loads_and_refuses_what_is_misspelt() {
    let bench = bench();
    let schema: Value = serde_json::from_str(&bench.good("policy schema").stdout).unwrap();
    assert_eq!(result(&bench, "policy schema")["schema"], schema);
    let schema = jsonschema::validator_for(&schema).unwrap();
    let written = |rule: &str| {
        serde_json::from_str::<Value>(&format!(
        "{{\"version\":1,\"policy\":[{{\"name\":\"x\",{rule}\"trust\":{{\"key\":[{{\"public-key\":\"k.pub\"}}]}}}}]}}"
    )).unwrap()
    };
    for (rule, good) in
        [("\"mode\":\"warn\",", true), ("\"mdoe\":\"warn\",", false), ("\"mode\":\"wran\",", false)]
    {
        let value = written(rule);
        bench.write("p.json", value.to_string().as_bytes());
        assert_eq!(schema.is_valid(&value), good, "{rule}");
        assert_eq!(bench.run("policy check p.json").exit == Some(0), good, "{rule}");
    }
}
