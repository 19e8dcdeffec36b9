//! What the trusted key should never have signed.

use serde_json::{Value, json};

use super::{Attack, NO_ARGS, rename_first, resources};

pub(super) const STATEMENTS: &[Attack] = &[
    Attack {
        name: "traversal",
        why: "a signed name leads out of the model",
        exit: 13,
        code: "E-PATH",
        args: NO_ARGS,
        make: |kit| kit.restated(|statement| rename_first(statement, "../expected.json")),
    },
    Attack {
        name: "absolute-path",
        why: "a signed name is absolute",
        exit: 13,
        code: "E-PATH",
        args: NO_ARGS,
        make: |kit| kit.restated(|statement| rename_first(statement, "/etc/hostname")),
    },
    Attack {
        name: "backslash",
        why: "a signed name leads out of the model on another system",
        exit: 13,
        code: "E-PATH",
        args: NO_ARGS,
        make: |kit| kit.restated(|statement| rename_first(statement, "..\\config.json")),
    },
    Attack {
        name: "duplicate-name",
        why: "a file has two digests: a lenient reader takes the last one",
        exit: 13,
        code: "E-DUPLICATE-NAME",
        args: NO_ARGS,
        make: |kit| {
            kit.restated(|statement| {
                let mut again = resources(statement)[0].clone();
                again["digest"] = "0".repeat(64).into();
                resources(statement).insert(0, again);
            })
        },
    },
    Attack {
        name: "case-collision",
        why: "two names that are one file on a file system without case",
        exit: 13,
        code: "E-NAME-COLLISION",
        args: NO_ARGS,
        make: |kit| kit.restated(|statement| rename_first(statement, "Tokenizer/vocab.txt")),
    },
    Attack {
        name: "no-files",
        why: "a signature that covers nothing",
        exit: 13,
        code: "E-NO-RESOURCES",
        args: NO_ARGS,
        make: |kit| kit.restated(|statement| resources(statement).clear()),
    },
    Attack {
        name: "ignores-everything",
        why: "a signature that covers nothing and ignores the model: model_signing accepts any content under it",
        exit: 13,
        code: "E-IGNORE",
        args: NO_ARGS,
        make: |kit| {
            kit.restated(|statement| {
                resources(statement).clear();
                statement["predicate"]["serialization"]["ignore_paths"] = json!(["."]);
            })
        },
    },
    Attack {
        name: "ignores-signed-file",
        why: "a file is signed, and ignored",
        exit: 13,
        code: "E-IGNORE",
        args: NO_ARGS,
        make: |kit| {
            kit.restated(|statement| {
                statement["predicate"]["serialization"]["ignore_paths"] = json!(["weights"]);
            })
        },
    },
    Attack {
        name: "wrong-root",
        why: "the signed root digest is that of other files",
        exit: 13,
        code: "E-ROOT",
        args: NO_ARGS,
        make: |kit| {
            kit.resigned(|statement| statement["subject"][0]["digest"]["sha256"] = "0".repeat(64).into())
        },
    },
    Attack {
        name: "wrong-identity",
        why: "the signed identity is that of another model",
        exit: 13,
        code: "E-IDENTITY",
        args: NO_ARGS,
        make: |kit| {
            kit.resigned(|statement| statement["subject"][0]["digest"]["lacre"] = "0".repeat(64).into())
        },
    },
    Attack {
        name: "duplicate-key",
        why: "two lists of files in one statement, one of them under a key that is written differently",
        exit: 13,
        code: "E-DUPLICATE-KEY",
        args: NO_ARGS,
        make: |kit| {
            kit.signed_text(|text| {
                text.replacen("\"resources\":", "\"re\\u0073ources\":[],\"resources\":", 1)
            })
        },
    },
    Attack {
        name: "trailing-statement",
        why: "a second statement behind the first",
        exit: 13,
        code: "E-JSON",
        args: NO_ARGS,
        make: |kit| kit.signed_text(|text| format!("{text}{{}}")),
    },
    Attack {
        name: "array-statement",
        why: "the members of a statement in an array, which a lenient reader takes for an object",
        exit: 13,
        code: "E-STATEMENT",
        args: NO_ARGS,
        make: |kit| {
            kit.signed_text(|text| {
                let whole: Value = serde_json::from_str(&text).unwrap();
                json!([whole["_type"], whole["subject"], whole["predicateType"], whole["predicate"]])
                    .to_string()
            })
        },
    },
    Attack {
        name: "old-statement-type",
        why: "a statement of version 0.1",
        exit: 13,
        code: "E-STATEMENT-TYPE",
        args: NO_ARGS,
        make: |kit| kit.resigned(|statement| statement["_type"] = "https://in-toto.io/Statement/v0.1".into()),
    },
    Attack {
        name: "predicate-downgrade",
        why: "the predicate of model_signing 0.2, which has no root digest: accepted there without a word",
        exit: 13,
        code: "E-LEGACY",
        args: NO_ARGS,
        make: |kit| {
            kit.resigned(|statement| {
                statement["predicateType"] = "https://model_signing/Digests/v0.1".into();
            })
        },
    },
    Attack {
        name: "contradicting-hash",
        why: "the hash type is not that of the digests: model_signing does not look at it",
        exit: 13,
        code: "E-PREDICATE",
        args: NO_ARGS,
        make: |kit| {
            kit.resigned(|statement| {
                statement["predicate"]["serialization"]["hash_type"] = "blake2b".into();
            })
        },
    },
];
