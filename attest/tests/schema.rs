//! What Lacre writes is valid by the JSON schemas of OMS v1.0, its own members included.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::{Bundle, Envelope, IN_TOTO_PAYLOAD_TYPE, KeyHint, Material, ModelClaim};
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use serde_json::{Value, json};

/// The schemas by their `$id`.
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    fn open() -> Option<Self> {
        let folder = std::env::var_os("LACRE_VECTORS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
            PathBuf::from,
        );
        let folder = folder.join("oms/spec/schemas/v1.0");
        let Ok(files) = fs::read_dir(&folder) else {
            eprintln!("SKIPPED: no OMS schemas at {} (set LACRE_VECTORS)", folder.display());
            return None;
        };
        let schemas = files.map(|file| {
            let schema: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
            (schema["$id"].as_str().unwrap().to_owned(), schema)
        });
        Some(Self(schemas.collect()))
    }

    /// Every fault of `value` by the schema of this name.
    fn faults(&self, name: &str, value: &Value) -> Vec<String> {
        let id = format!("https://model_signing/{name}/v1.0/schema");
        self.check(&id, &self.0[&id], value, "$")
    }

    /// Checks by the keywords that the OMS schemas use. Any other keyword stops the test: nothing is skipped.
    fn check(&self, id: &str, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let members = || value.as_object().into_iter().flatten();
        let mut faults = Vec::new();
        for (keyword, rule) in schema.as_object().unwrap() {
            match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" | "then" => {}
                "properties" => {
                    for (name, value) in members() {
                        if let Some(inner) = rule.get(name) {
                            faults.extend(self.check(id, inner, value, &format!("{at}.{name}")));
                        }
                    }
                }
                "additionalProperties" => {
                    for (name, value) in
                        members().filter(|(name, _)| schema["properties"].get(name).is_none())
                    {
                        match rule {
                            Value::Bool(true) => {}
                            Value::Bool(false) => faults.push(format!("{at}: {name} is not allowed")),
                            inner => faults.extend(self.check(id, inner, value, &format!("{at}.{name}"))),
                        }
                    }
                }
                "items" => {
                    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                        faults.extend(self.check(id, rule, value, &format!("{at}[{index}]")));
                    }
                }
                "anyOf" => {
                    if !rule.as_array().unwrap().iter().any(|rule| self.check(id, rule, value, at).is_empty())
                    {
                        faults.push(format!("{at}: anyOf"));
                    }
                }
                "if" => {
                    if self.check(id, rule, value, at).is_empty() {
                        faults.extend(self.check(id, &schema["then"], value, at));
                    }
                }
                "$ref" => {
                    let target = rule.as_str().unwrap();
                    faults.extend(match target.strip_prefix('#') {
                        Some(pointer) => self.check(id, self.0[id].pointer(pointer).unwrap(), value, at),
                        None => self.check(target, &self.0[target], value, at),
                    });
                }
                simple if obeys(simple, rule, value) => {}
                simple => faults.push(format!("{at}: {simple}")),
            }
        }
        faults
    }
}

/// The keywords that look at one value only.
fn obeys(keyword: &str, rule: &Value, value: &Value) -> bool {
    let items = || value.as_array().map_or(0, Vec::len);
    let members = || value.as_object().map_or(0, serde_json::Map::len);
    match keyword {
        "type" => match rule {
            Value::Array(names) => names.iter().any(|name| has_type(value, name.as_str().unwrap())),
            name => has_type(value, name.as_str().unwrap()),
        },
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "pattern" => matches(rule.as_str().unwrap(), value.as_str().unwrap_or_default()),
        "minLength" => value.as_str().map_or(0, str::len) >= size(rule),
        "minItems" => items() >= size(rule),
        "maxItems" => items() <= size(rule),
        "minProperties" => members() >= size(rule),
        "exclusiveMinimum" => value.as_f64().unwrap() > rule.as_f64().unwrap(),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        unknown => panic!("the schemas use {unknown}, which this test does not know"),
    }
}

fn size(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        unknown => panic!("{unknown}"),
    }
}

/// The patterns that the OMS schemas use.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9a-f]+$" => {
            !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        r"^application/vnd\.dev\.sigstore\.bundle" => text.starts_with("application/vnd.dev.sigstore.bundle"),
        unknown => panic!("{unknown}"),
    }
}

fn claim() -> ModelClaim {
    let entry = |name: &str| Entry {
        path: EntryPath::parse(name).unwrap(),
        size: Some(name.len() as u64),
        digests: Digests::Sha256 {
            sha256: Sha256Digest::of(name.as_bytes()),
            blake3: Some(Blake3Digest::of(name.as_bytes())),
        },
    };
    let manifest = Manifest::new(vec![entry("model.safetensors"), entry("onnx/模型.onnx")]).unwrap();
    let ignored = lacre_manifest::DEFAULT_IGNORES.map(|name| EntryPath::parse(name).unwrap());
    ModelClaim::new("org/mini-lm", Some("1.0.0".to_owned()), manifest, ignored.to_vec()).unwrap()
}

#[test]
fn statements_are_valid() {
    let Some(schemas) = Schemas::open() else { return };
    let statement: Value = serde_json::from_slice(&claim().to_statement().unwrap()).unwrap();
    assert_eq!(schemas.faults("statement", &statement), Vec::<String>::new());
    assert_eq!(statement["predicate"]["resources"][0]["size"], json!(17), "the extension is there");

    // The check can fail: each of these breaks one rule of the schemas.
    for (pointer, name, value) in [
        ("", "extra", json!(1)),
        ("/predicate", "extra", json!(1)),
        ("/predicate/serialization", "follow", json!(true)),
        ("/predicate/serialization", "method", json!("shards")),
        ("/predicate/resources/0", "digest", json!("XY")),
        ("/predicate/resources/0", "algorithm", json!("sha256-sharded-8")),
        ("/subject/0/digest", "lacre", json!("BLAKE3")),
        ("/subject/0", "name", json!("")),
    ] {
        let mut broken = statement.clone();
        broken.pointer_mut(pointer).unwrap()[name] = value;
        assert_eq!(schemas.faults("statement", &broken).len(), 1, "{pointer}/{name}");
    }
}

#[test]
fn bundles_are_valid() {
    let Some(schemas) = Schemas::open() else { return };
    for hint in [KeyHint::OmsHex(Sha256Digest::of(b"key")), KeyHint::CosignBase64(Sha256Digest::of(b"key"))] {
        let envelope =
            Envelope::new(IN_TOTO_PAYLOAD_TYPE, claim().to_statement().unwrap(), vec![1; 70]).unwrap();
        let bundle = Bundle::new(Material::PublicKey(hint), envelope);
        let mut written: Value = serde_json::from_slice(&bundle.to_json()).unwrap();
        assert_eq!(schemas.faults("bundle", &written), Vec::<String>::new());
        written["dsseEnvelope"]["extra"] = json!(1);
        assert_eq!(schemas.faults("bundle", &written).len(), 1);
    }
}
