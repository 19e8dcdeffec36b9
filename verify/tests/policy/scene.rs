//! A signed model, what lies beside it, and the verdict of a policy: in TOML, and in JSON, which must not differ.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use lacre_sign::FileKey;
use lacre_testkit::{ModelDir, Seal, Sealed, resign};
use lacre_verify::{
    Admitted, Candidate, Hold, Judgement, Links, NoProgress, POLICY_SCHEMA, Passed, Policy, Refused,
    Requirements, Trust, Unverified,
};
use serde_json::{Value, json};

/// A key that signs in many scenes, and one that nobody trusts unless a policy says so.
pub(crate) static KEY: LazyLock<Arc<FileKey>> = LazyLock::new(new_key);
pub(crate) static OTHER: LazyLock<Arc<FileKey>> = LazyLock::new(new_key);

pub(crate) fn new_key() -> Arc<FileKey> {
    Arc::new(FileKey::generate(lacre_attest::KeyAlgorithm::EcdsaP256).unwrap())
}

pub(crate) fn pem(key: &FileKey) -> String {
    key.public_key().to_pem().to_owned()
}

/// A stanza about a key under `[[HEAD.key]]`.
pub(crate) fn stanza(head: &str, key: &FileKey, lines: &str) -> String {
    format!("\n[[{head}.key]]\npublic-key = '''\n{}'''\n{lines}\n", pem(key))
}

/// A policy of one rule that trusts [`KEY`], with these lines in the rule, and this after it.
pub(crate) fn rule(lines: &str, after: &str) -> String {
    format!(
        "version = 1\n[[policy]]\nname = \"only\"\n{lines}\n{}{after}\n",
        stanza("policy.trust", &KEY, "")
    )
}

/// The same in JSON.
pub(crate) fn to_json(text: &str) -> Value {
    fn value(toml: toml::Value) -> Value {
        match toml {
            toml::Value::String(text) => json!(text),
            toml::Value::Integer(number) => json!(number),
            toml::Value::Float(number) => json!(number),
            toml::Value::Boolean(truth) => json!(truth),
            toml::Value::Datetime(moment) => json!(moment.to_string()),
            toml::Value::Array(all) => all.into_iter().map(value).collect(),
            toml::Value::Table(table) => table.into_iter().map(|(name, it)| (name, value(it))).collect(),
        }
    }
    value(toml::Value::Table(text.parse().unwrap()))
}

pub(crate) static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&serde_json::from_str(POLICY_SCHEMA).unwrap()).unwrap());

/// A policy that loads, in both languages.
pub(crate) struct Both {
    pub(crate) toml: Policy,
    json: Policy,
}

/// Rules, without what tells the text that they were read from.
fn rules(policy: &Policy) -> String {
    format!("{:?}", policy.rules()).replace(&format!("{:?}", policy.digest()), "-")
}

#[track_caller]
pub(crate) fn load(text: &str) -> Both {
    load_at(text, Path::new("policy.toml"))
}

#[track_caller]
pub(crate) fn load_at(text: &str, path: &Path) -> Both {
    let toml = Policy::parse(text, path).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let value = to_json(text);
    let faults: Vec<_> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let json = Policy::parse(&pretty, path).unwrap_or_else(|error| panic!("{error}\n{pretty}"));
    assert_eq!(rules(&toml), rules(&json), "{text}");
    Both { toml, json }
}

/// What a caller demands besides. Whom to trust, the policy says alone.
pub(crate) fn base() -> Requirements {
    Requirements::new(Trust::keys([new_key().public_key().clone()]).unwrap())
}

pub(crate) fn of(files: ModelDir) -> Seal {
    Seal::of(files).key(&KEY)
}

pub(crate) fn sample() -> Sealed {
    of(ModelDir::sample()).sign()
}

/// Lays a bundle beside a model.
pub(crate) fn lay(sealed: &Sealed, name: &str, bundle: &[u8]) {
    let folder = sealed.path();
    let beside = format!("{}.signatures", folder.file_name().unwrap().to_str().unwrap());
    let beside = folder.parent().unwrap().join(beside);
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::write(beside.join(name).with_extension("sig"), bundle).unwrap();
}

/// A statement of this predicate about a model by its identity, signed by `key`.
pub(crate) fn attest(sealed: &Sealed, key: &FileKey, predicate_type: &str, predicate: &Value) -> Vec<u8> {
    attest_about(&json!({"lacre": identity(sealed)}), key, predicate_type, predicate)
}

pub(crate) fn attest_about(
    digest: &Value,
    key: &FileKey,
    predicate_type: &str,
    predicate: &Value,
) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": digest}],
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    resign(serde_json::to_vec(&statement).unwrap(), key)
}

/// What was signed of a model, as it verifies.
pub(crate) fn identity(sealed: &Sealed) -> String {
    let requirements = Requirements::new(Trust::keys([sealed.public_key().clone()]).unwrap());
    let claim = Unverified::<lacre_verify::Claim>::parse(sealed.bundle(), &lacre_verify::Limits::default());
    let claim = claim.unwrap().verify(&requirements).unwrap();
    claim.claim().identity().unwrap().to_string()
}

pub(crate) fn admit(
    policy: &Policy,
    sealed: &Sealed,
    base: &Requirements,
    know: &dyn Fn(&Candidate<'_>) -> Judgement,
) -> Result<Passed, Box<Refused>> {
    let refused = |failure| Box::new(Refused::from(failure));
    let model = Unverified::open(&sealed.path(), None, Links::Refuse, base).map_err(refused)?;
    let candidate: Candidate<'_> = policy.candidate(model, base).map_err(refused)?;
    let judgement = know(&candidate);
    candidate.admit(judgement, &Hold::Nothing, &NoProgress)
}

/// `strict`, `waived` with the codes of what was not met, or the code of the refusal.
pub(crate) fn said(outcome: Result<Passed, Box<Refused>>) -> String {
    match outcome {
        Ok(Passed { model: Admitted::Strict(_), .. }) => "strict".to_owned(),
        Ok(Passed { model: Admitted::Waived(model), .. }) => {
            let codes: Vec<_> = model.standing().failed().iter().map(|failed| failed.code).collect();
            format!("waived {}", codes.join(" "))
        }
        Err(refused) => refused.code().to_owned(),
    }
}

/// With nothing more known.
pub(crate) fn plain(candidate: &Candidate<'_>) -> Judgement {
    candidate.judge(&candidate.facts())
}

/// The verdict about a model with nothing more known of it.
#[track_caller]
pub(crate) fn verdict(text: &str, sealed: &Sealed) -> String {
    verdict_with(text, sealed, &base(), &plain)
}

#[track_caller]
pub(crate) fn verdict_with(
    text: &str,
    sealed: &Sealed,
    base: &Requirements,
    know: &dyn Fn(&Candidate<'_>) -> Judgement,
) -> String {
    let both = load(text);
    let (toml, json) =
        (said(admit(&both.toml, sealed, base, know)), said(admit(&both.json, sealed, base, know)));
    assert_eq!(toml, json, "{text}");
    toml
}

/// Each line of a table: what is in the rule, what stands after it, and the verdict.
#[track_caller]
pub(crate) fn table(sealed: &Sealed, cases: &[(&str, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(lines, after, expected)| {
            let found = verdict(&rule(lines, after), sealed);
            (found != *expected).then(|| format!("{lines} {after}: {found}, and not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
